# The randomised comparison of local APICs, for tests. Sourced; wants TEST_DIR and CPU.

image=$TEST_DIR/apic_random.bin
# VT-x without one of its aids for interrupts, too.
without_aids=
mkdir -p "$TEST_DIR/none" "$TEST_DIR/bootset"

# prepare FIRST COUNT WITHOUT: the image with these seeds, WITHOUT_... of apic_random.asm.
prepare() {
	python3 - "$image" "$@" <<'PYTHON'
import struct, sys
image = open("build/tests/guest/apic_random.bin", "rb").read()
at = image.index(b"SEED") + 4
numbers = struct.pack("<3I", *map(int, sys.argv[2:]))
open(sys.argv[1], "wb").write(image[:at] + numbers + image[at + len(numbers):])
PYTHON
	cp "$image" "$TEST_DIR/bootset/apic_random.bin"
	cat >"$TEST_DIR/bootset/apic.xml" <<'XML'
<domain type='plinth'><name>apic</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type><kernel>apic_random.bin</kernel></os>
<features><acpi/><apic/></features><devices><serial type='pty'/></devices></domain>
XML
}

# bare: the emulator's own. Its status says nothing: the emulator is switched off, and no Plinth said so.
bare() {
	tools/run --cpu "$CPU" --smp 1 --mem 256 --elf "$image" --bootset "$TEST_DIR/none" --timeout "$1" \
		</dev/null >"$TEST_DIR/bare" 2>&1 || true
}

# guest SECONDS WORDS: as a guest.
guest() {
	local status=0
	tools/run --cpu "$CPU" --smp 1 --bootset "$TEST_DIR/bootset" --timeout "$1" \
		--append "follow=all poweroff=last-guest $2" </dev/null >"$TEST_DIR/guest" 2>&1 || status=$?
	if [ "$status" != 0 ]; then
		tail -n 30 "$TEST_DIR/guest"
		echo "FAIL: tools/run ended with $status"
		return 1
	fi
}

# compare MACHINE FILE: the guest with that one, which ran on that machine, or on Plinth ("plinth").
compare() {
	python3 tests/emulator/apic.py "$1" "$TEST_DIR/$2" "$TEST_DIR/guest"
}

# seeds FIRST COUNT SECONDS: all comparisons of this machine, with so many seeds for each and a limit for each run.
seeds() {
	local machine without words
	if [ "$CPU" = amd ]; then
		# QEMU ends in an assertion of its own when a guest of a TCG guest writes CR8 while an interrupt window is open.
		prepare "$1" "$2" 1
		bare "$3"
		guest "$3" ''
		compare qemu bare
		return
	fi
	# Bochs's APIC, once it is off, does not come back: it is never in x2APIC mode, or stays there.
	for machine in bochs bochs-x2apic; do
		[ $machine = bochs ] && without=6 || without=2
		prepare "$1" "$2" $without
		bare "$3"
		for words in '' apicv=off; do
			guest "$3" "$words"
			compare $machine bare
		done
	done
	# By software and by hardware all must be alike.
	prepare $(($1 + $2)) "$2" 0
	guest "$3" apicv=off
	mv "$TEST_DIR/guest" "$TEST_DIR/software"
	for words in '' $without_aids; do
		guest "$3" "$words"
		compare plinth software
	done
}
