# Plinth's build. `make` builds build/plinth.elf; `make help` lists the rest.
#
# V=1 shows the commands. DEBUG=0 leaves out the checks of lock ranks and stacks. BUILD=dir builds elsewhere.

BUILD ?= build
DEBUG ?= 1
CC    := gcc
LD    := ld
NASM  := nasm
OBJ   := $(BUILD)/obj
# No rules but those below: make's own would try to make the .d files that are included.
MAKEFLAGS += --no-builtin-rules
Q     := $(if $(filter 1,$(V)),,@)

# --- sources: every .c and .asm of these folders is part of the image -----------------------------
DIRS    := lib arch mm core drivers drivers/* ept vm vmx svm vdev block mgmt boot
SOURCES := $(sort $(wildcard $(addsuffix /*.c,$(DIRS))))
ASMS    := $(sort $(wildcard $(addsuffix /*.asm,$(DIRS))))

# Third-party sources, unmodified, beside port layers of ours (mgmt/port, lib/port, lib/inflate.c). Compiled with
# the compiler's own headers and no others, and nothing shall take this for a Unix.
EXPAT := build/deps/expat/lib
MBED  := build/deps/mbedtls
ZLIB  := build/deps/zlib
EXPAT_SRC := $(addprefix $(EXPAT)/,xmlparse.c xmltok.c xmlrole.c)
MBED_SRC  := $(addprefix $(MBED)/library/,sha256.c platform_util.c)
ZLIB_SRC  := $(addprefix $(ZLIB)/,infback.c inffast.c inftrees.c)
EXPAT_OBJ := $(EXPAT_SRC:$(EXPAT)/%.c=$(OBJ)/deps/expat/%.o)
MBED_OBJ  := $(MBED_SRC:$(MBED)/%.c=$(OBJ)/deps/mbedtls/%.o)
ZLIB_OBJ  := $(ZLIB_SRC:$(ZLIB)/%.c=$(OBJ)/deps/zlib/%.o)
THIRD_FLAGS := -w -nostdinc -isystem $(shell $(CC) -print-file-name=include 2>/dev/null) -U__unix__ -U__linux__
MBED_CONFIG := -DMBEDTLS_CONFIG_FILE='"lib/port/mbedtls_config.h"'
INCLUDES := -isystem mgmt/port/libc -isystem $(EXPAT) -isystem $(MBED)/include -isystem $(ZLIB) $(MBED_CONFIG)
SOURCES  += $(sort $(wildcard mgmt/port/*.c))

# The console's font, written at build.
FONT := build/deps/font.psf.gz

OBJECTS := $(SOURCES:%.c=$(OBJ)/%.o) $(OBJ)/font.o $(ASMS:%.asm=$(OBJ)/%.asm.o) $(EXPAT_OBJ) $(MBED_OBJ) $(ZLIB_OBJ)

# libvirt's CPU models, as tools/mkcpumodels writes them.
CPUMAP := build/deps/cpumap/models.inc

FETCHED := $(EXPAT_SRC) $(MBED_SRC) $(ZLIB_SRC) $(FONT) $(CPUMAP)

# --- flags ------------------------------------------------------------------------------------------
WARN    := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla -Werror
# Every function that may be called by pointer begins with ENDBR64 (arch/cet.h). Jumps through tables would go
# without, by a prefix that switches the check off for whoever uses it, so there are none.
MACHINE := -std=gnu11 -g -ffreestanding -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only \
	   -mcmodel=kernel -fno-omit-frame-pointer -fno-strict-aliasing -fcf-protection=branch \
	   -fno-jump-tables -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
	   -fstack-protector-strong -mstack-protector-guard=global
CFLAGS  := $(MACHINE) -O2 $(WARN) -I. $(INCLUDES) $(if $(filter 1,$(DEBUG)),-DPLINTH_DEBUG)
NFLAGS  := -f elf64 -g -F dwarf -Werror -I ./
LDFLAGS := -nostdlib -static -z max-page-size=4096 -z noexecstack --gc-sections --build-id=none \
	   -T linker.ld

.PHONY: all run test check soak bench iso efi mutants clean help FORCE
all: $(BUILD)/plinth.elf

help:
	@echo "make            build $(BUILD)/plinth.elf"
	@echo "make run        the main job in an emulator (installs what is missing)"
	@echo "make test       all tests; make soak: the long ones; make mutants: can the tests fail?"
	@echo "make check      style, layers, sizes, status"
	@echo "make bench      figures"
	@echo "make iso BOOTSET=dir OUT=file.iso   a bootable image"
	@echo "make efi [BOOTSET=dir] [CMDLINE='words']   a UEFI application, $(BUILD)/plinth.efi"
	@echo "make clean"

# --- objects ----------------------------------------------------------------------------------------
# Rebuilt when the flags change.
$(OBJ)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CFLAGS) $(NFLAGS)' | cmp -s - $@ || echo '$(CFLAGS) $(NFLAGS)' >$@

$(OBJ)/%.o: %.c $(OBJ)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC  $<")
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(OBJ)/%.asm.o: %.asm $(wildcard arch/*.inc) $(OBJ)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  ASM $<")
	$(Q)$(NASM) $(NFLAGS) -MD $(@:.o=.d) -MP -o $@ $<

# What expat wants of a C library is in mgmt/port.
$(EXPAT_OBJ): $(OBJ)/deps/expat/%.o: $(EXPAT)/%.c $(OBJ)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC  $<")
	$(Q)$(CC) $(MACHINE) -Os $(THIRD_FLAGS) -isystem mgmt/port/libc -Imgmt/port -I. -MMD -MP \
		-c $< -o $@

$(MBED_OBJ): $(OBJ)/deps/mbedtls/%.o: $(MBED)/%.c lib/port/mbedtls_config.h $(OBJ)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC  $<")
	$(Q)$(CC) $(MACHINE) -Os $(THIRD_FLAGS) $(MBED_CONFIG) -isystem mgmt/port/libc -isystem $(MBED)/include \
		-I. -MMD -MP -c $< -o $@

$(ZLIB_OBJ): $(OBJ)/deps/zlib/%.o: $(ZLIB)/%.c $(OBJ)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC  $<")
	$(Q)$(CC) $(MACHINE) -Os $(THIRD_FLAGS) -DZ_SOLO -DHAVE_MEMCPY -MMD -MP -c $< -o $@

$(OBJ)/font.c: $(FONT) tools/mkfont
	@mkdir -p $(@D)
	$(Q)tools/mkfont $(FONT) >$@.new && mv $@.new $@

$(OBJ)/font.o: $(OBJ)/font.c $(OBJ)/flags
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(FETCHED) &:
	tools/deps

# Our own sources include their headers: a tree that was set up before one of them came fetches it first.
$(OBJECTS): | $(FETCHED)

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)

# --- image ------------------------------------------------------------------------------------------
# Linked twice: the table of function names, at the end of read-only data, is made from the first
# link. plinth.elf goes without debugging information, which GRUB would load; plinth.debug has it.
$(OBJ)/symtab.empty.asm: tools/mksyms
	@mkdir -p $(@D)
	$(Q)tools/mksyms </dev/null >$@

$(OBJ)/symtab.asm: $(OBJ)/plinth.first tools/mksyms
	$(Q)nm $< | tools/mksyms >$@

$(OBJ)/symtab%asm.o: $(OBJ)/symtab%asm
	$(Q)$(NASM) -f elf64 -o $@ $<

# The list of objects counts, too: a source that was removed leaves the image.
$(OBJ)/objects: FORCE
	@mkdir -p $(@D)
	@echo '$(OBJECTS)' | cmp -s - $@ || echo '$(OBJECTS)' >$@

$(OBJ)/plinth.first: $(OBJECTS) $(OBJ)/symtab.empty.asm.o linker.ld $(OBJ)/objects
	$(Q)$(LD) $(LDFLAGS) -o $@ $(OBJECTS) $(OBJ)/symtab.empty.asm.o

$(BUILD)/plinth.debug: $(OBJ)/plinth.first $(OBJ)/symtab.asm.o
	@echo "  LD  $@"
	$(Q)$(LD) $(LDFLAGS) -Map=$(@:.debug=.map) -o $@ $(OBJECTS) $(OBJ)/symtab.asm.o
	@nm $@ | tools/mksyms | cmp -s - $(OBJ)/symtab.asm || \
		{ echo "the second link moved functions: the symbol table is wrong"; rm -f $@; exit 1; }

$(BUILD)/plinth.elf: $(BUILD)/plinth.debug
	$(Q)objcopy --strip-all $< $@

# --- UEFI application: what places the image where there is no boot loader ----------------------------
# The firmware may load it anywhere, which gnu-efi's relocation takes care of; tools/mkefi links it.
EFI_FLAGS := -std=gnu11 -g -O2 -ffreestanding -fpic -fshort-wchar -mno-red-zone -mgeneral-regs-only \
	     -fno-stack-protector -fno-strict-aliasing -fcf-protection=none \
	     -fno-asynchronous-unwind-tables -DGNU_EFI_USE_MS_ABI -isystem /usr/include/efi \
	     -isystem /usr/include/efi/x86_64 $(WARN) -I.
EFI_SOURCES := $(sort $(wildcard boot/app/*.c)) lib/string.c lib/fmt.c lib/cpio.c lib/elf.c
EFI_OBJECTS := $(EFI_SOURCES:%.c=$(OBJ)/efi/%.o)

$(OBJ)/efi/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(EFI_FLAGS) $(EFI_OBJECTS)' | cmp -s - $@ || echo '$(EFI_FLAGS) $(EFI_OBJECTS)' >$@

$(EFI_OBJECTS): $(OBJ)/efi/%.o: %.c $(OBJ)/efi/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC  $< (UEFI)")
	$(Q)$(CC) $(EFI_FLAGS) -MMD -MP -c $< -o $@

$(OBJ)/efi/app.o: $(EFI_OBJECTS)
	$(Q)$(LD) -r -o $@ $(EFI_OBJECTS)

efi: $(BUILD)/plinth.elf $(OBJ)/efi/app.o
	$(if $(Q),@echo "  EFI $(BUILD)/plinth.efi")
	$(Q)PLINTH_ELF=$(BUILD)/plinth.elf PLINTH_APP=$(OBJ)/efi/app.o \
		tools/mkefi $(if $(BOOTSET),--bootset $(BOOTSET)) $(BUILD)/plinth.efi $(CMDLINE)

# --- guests' images for tests: flat binaries --------------------------------------------------------
GUESTS := $(patsubst tests/guest/%.asm,$(BUILD)/tests/guest/%.bin,$(wildcard tests/guest/*.asm))
.PHONY: guests
guests: $(GUESTS)

$(BUILD)/tests/guest/%.bin: tests/guest/%.asm $(wildcard tests/guest/*.inc)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  ASM $<")
	$(Q)$(NASM) -f bin -Werror -I ./ -o $@ $<

# --- everything else --------------------------------------------------------------------------------
# What these need is installed first; only then can anything be built.
run:
	tools/deps
	+@$(MAKE) --no-print-directory all
	tools/run

test:
	tools/deps
	+@$(MAKE) --no-print-directory all guests efi
	tests/run

soak:
	tools/deps
	+@$(MAKE) --no-print-directory all guests efi
	tests/run --level soak

bench:
	tools/deps
	+@$(MAKE) --no-print-directory all guests
	tools/bench

check: all
	tools/check/all

mutants:
	tools/deps
	tools/mutants

iso: all
	@[ -n "$(BOOTSET)" ] && [ -n "$(OUT)" ] || { echo "usage: make iso BOOTSET=dir OUT=file.iso"; exit 2; }
	tools/mkiso $(BOOTSET) $(OUT)

clean:
	rm -rf $(OBJ) $(BUILD)/plinth.* $(BUILD)/tests
