# For tests that run self-tests of the hypervisor in an emulator. Sourced; wants TEST_DIR and CPU. LIMIT is
# each run's, in seconds; WORDS come behind selftest=, instead of loglevel=debug.

bootset=$TEST_DIR/empty
mkdir -p "$bootset"

# all_guests: the bare guests but the hostile ones, with which they would be more than a boot set may have.
all_guests() {
	local guest
	bootset=$TEST_DIR/guests
	mkdir -p "$bootset"
	for guest in build/tests/guest/*.bin; do
		[[ $guest == */hostile_* ]] || cp "$guest" "$bootset"
	done
}

# boot CONSOLE-FILE WORDS [tools/run arguments]: boots with those words; the status is tools/run's.
boot() {
	local console=$1 words=$2
	shift 2
	echo "--- $words $*"
	timeout $((${LIMIT:-120} + 10)) tools/run --cpu "${CPU:-amd}" --append "$words" \
		--timeout "${LIMIT:-120}" --bootset "$bootset" "$@" </dev/null >"$console" 2>&1
}

# selftest NAME [tools/run arguments]: all tests of that name must pass, and there must be some.
selftest() {
	local name=$1 console=$TEST_DIR/console status=0
	shift
	boot "$console" "selftest=$name ${WORDS:-loglevel=debug}" "$@" || status=$?
	if [ "$status" != 0 ] || ! grep -q 'selftest: [1-9][0-9]* ok, 0 failed' "$console"; then
		cat "$console"
		echo "FAIL: selftest=$name $*: status $status"
		exit 1
	fi
	grep 'selftest' "$console"
}

# expect_panic NAME [tools/run arguments --] PATTERN...: that self-test ends in a panic whose output has a line
# for each pattern.
expect_panic() {
	local name=$1 console=$TEST_DIR/console status=0 args=()
	shift
	if [[ " $* " == *" -- "* ]]; then
		while [ "$1" != -- ]; do
			args+=("$1")
			shift
		done
		shift
	fi
	boot "$console" "selftest=$name" "${args[@]}" || status=$?
	cat "$console"
	if [ "$status" != 1 ]; then
		echo "FAIL: selftest=$name: status $status instead of 1, a panic's"
		exit 1
	fi
	for pattern; do
		if ! grep -qE "$pattern" "$console"; then
			echo "FAIL: selftest=$name: no line matches '$pattern'"
			exit 1
		fi
	done
}
