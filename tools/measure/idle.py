"""How often an idle Linux guest leaves guest mode: for tools/bench and emulator/idle-guest."""
import time

# calm: without the work that the kernel has itself woken up for twice a second and more (memory compaction,
# statistics, its own watchdog, probes of the network's neighbours).
INIT = """\
#!/bin/sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
if [ "$calm" ]; then
	cd /proc/sys
	echo 0 >vm/compaction_proactiveness
	echo 0 >kernel/watchdog
	echo 1000 >vm/stat_interval
	for file in net/ipv*/neigh/default/interval_probe_time_ms; do
		echo 100000000 >$file
	done
fi
echo "guest: idle"
while :; do sleep 100000; done
"""
CALM = "calm=1 psi=0"
GUEST_SECONDS = 60
SETTLE_SECONDS = 10      # what its start left to do is over then


def make_bootset(run, tools, directory, cmdline):
    """A boot set of an idle Linux at that path; run is subprocess.run or the like."""
    directory.mkdir()
    script, initrd = directory / "init", directory / "initrd"
    script.write_text(INIT)
    run([tools / "mkinitrd", initrd, script])
    run([tools / "mkbootset", directory / "set", "--mem", "128", "--initrd", initrd, "--cmdline", cmdline])
    return directory / "set"


def after(session, begin, seconds):
    """The guest's figures at least so many seconds of its time after those; and how many it were."""
    while True:
        time.sleep(0.2)
        end = session.domstats("linux")
        passed = (end["cpu.guest.time"] - begin["cpu.guest.time"]) / 1e9
        if passed > seconds:
            return end, passed


def rates(session):
    """Exits of the idle guest by kind, in a second of its time, on a host whose console session has."""
    session.expect("guest: idle")
    session.type("")
    session.expect("plinth# ")
    begin, _ = after(session, session.domstats("linux"), SETTLE_SECONDS)
    end, seconds = after(session, begin, GUEST_SECONDS)
    prefix = "vcpu.0.exits."
    return {key[len(prefix):]: (end[key] - begin[key]) / seconds for key in end if key.startswith(prefix)}
