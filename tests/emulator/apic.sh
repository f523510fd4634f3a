# The randomised comparison of local APICs, for tests. Sourced; wants TEST_DIR and CPU.

image=$TEST_DIR/apic_random.bin
mkdir -p "$TEST_DIR/none" "$TEST_DIR/bootset"
# QEMU ends in an assertion of its own when a guest of a TCG guest writes CR8 while an interrupt window is open.
machine=qemu without=1

# prepare FIRST COUNT: the image with these seeds.
prepare() {
	python3 - "$image" "$1" "$2" "$without" <<'PYTHON'
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

# guest SECONDS WORDS: as a guest, and compares.
guest() {
	local status=0
	tools/run --cpu "$CPU" --smp 1 --bootset "$TEST_DIR/bootset" --timeout "$1" \
		--append "follow=all poweroff=last-guest $2" </dev/null >"$TEST_DIR/guest" 2>&1 || status=$?
	if [ "$status" != 0 ]; then
		tail -n 30 "$TEST_DIR/guest"
		echo "FAIL: tools/run ended with $status"
		return 1
	fi
	python3 tests/emulator/apic.py "$machine" "$TEST_DIR/bare" "$TEST_DIR/guest"
}
