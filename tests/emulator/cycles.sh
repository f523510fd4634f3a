# Boot sets for the self-tests of VMs' comings and goings. Sourced after selftest.sh.

# bare_set GUEST...: those bare guests alone.
bare_set() {
	bootset=$TEST_DIR/bare
	mkdir -p "$bootset"
	for guest; do
		cp "build/tests/guest/$guest.bin" "$bootset"
	done
}

# any_domain LETTER GUEST [ELEMENTS]: a document for selftest=concurrent.
any_domain() {
	cat >"$bootset/any-$1.xml" <<-EOF
		<domain type='plinth'>
		  <name>any-$1</name><memory unit='MiB'>4</memory>
		  <os><type>hvm</type><loader type='flat'>$2.bin</loader></os>
		  ${3:-<features><acpi/></features>}
		  <devices><serial type='pty'/></devices>
		</domain>
	EOF
}

# What there is: guests that wait for their power button, that end by themselves, reset and crash, with all that
# can become of them.
any_domains() {
	local acpi='<features><acpi/></features>'
	bare_set hello button reset crash
	any_domain a button
	any_domain b hello "$acpi<on_poweroff>restart</on_poweroff>"
	any_domain c reset
	any_domain d crash "$acpi<on_crash>preserve</on_crash>"
	any_domain e button "$acpi<on_poweroff>preserve</on_poweroff>"
	any_domain f hello ' '
}
