# For tests that boot an unmodified Debian kernel as a guest. Sourced; wants TEST_DIR and CPU.

# What this guest's kernel is told. A kernel that waits for ten ticks of its timer does so in vain on an emulated
# CPU that a busy machine lets stand still for longer.
words="plinth.test=poweroff no_timer_check"

# How many vCPUs it has; its kernel must have brought up all of them.
vcpus=1

# The parts of KVM's paravirtual interface that the kernel uses by itself, docs/pv.md; and what else was asked for.
linux_found() {
	local found=('Hypervisor detected: KVM' 'kvm-clock: Using msrs 4b564d01 and 4b564d00'
		'clocksource: Switched to clocksource kvm-clock')
	[ "$vcpus" = 1 ] || found+=('KVM setup pv remote TLB flush' 'setup PV sched yield' 'PV spinlocks enabled')
	# A CPU that sends IPIs without exits needs no hypercall for them.
	[ "$vcpus" = 1 ] || [ "$CPU" = intel ] || found+=('setup PV IPIs')
	for what in "${found[@]}" "${said[@]}"; do
		grep -aqF "$what" "$console" && continue
		cat "$console"
		echo "FAIL: Linux does not say '$what'"
		exit 1
	done
}

# Further elements of its document, and what its kernel then says of them.
elements= said=()

# linux GUEST-MIB [tools/run arguments]: the guest must reach its init and switch itself off, and the
# host with it, in an orderly way.
linux() {
	local mem=$1 set=$TEST_DIR/set-$1-$vcpus console=$TEST_DIR/console status=0
	local cpus=0
	[ "$vcpus" = 1 ] || cpus=0-$((vcpus - 1))
	shift
	[ -d "$set" ] || tools/mkbootset "$set" --mem "$mem" --vcpus "$vcpus" \
		--cmdline "$words" >/dev/null
	[ -z "$elements" ] || sed -i "s|  <devices>|  $elements\n&|" "$set"/*.xml
	echo "--- guest of $mem MiB, $vcpus vCPUs, $*"
	tools/run --cpu "$CPU" --bootset "$set" --append 'follow=all poweroff=last-guest' \
		--timeout 280 "$@" </dev/null >"$console" 2>&1 || status=$?
	if [ "$status" != 0 ] || ! grep -aqE "^\[linux\] guest: init reached,.* CPUs $cpus.?\$" "$console" ||
		! grep -aq 'domain linux: powered off' "$console"; then
		cat "$console"
		echo "FAIL: guest of $mem MiB, $vcpus vCPUs, $*: status $status"
		exit 1
	fi
	grep -a 'init reached' "$console"
	linux_found
	if [[ " $words " == *" plinth.test=smp "* ]] && ! grep -aq '^\[linux\] guest: smp ok' "$console"; then
		cat "$console"
		echo "FAIL: $vcpus vCPUs, $*: no token round all CPUs, or one that did not come back"
		exit 1
	fi
}
