; What the UEFI application carries along (boot/app/embed.h); tools/mkefi says by IMAGE, CMDLINE and BOOTSET
; which files these are. In .data, which is where gnu-efi's linker script puts read-only data.

global embed_image, embed_image_size, embed_cmdline, embed_cmdline_size, embed_bootset, embed_bootset_size

section .data.embed progbits alloc noexec write align=16
embed_image:	incbin IMAGE
.end:
	align 16
embed_bootset:	incbin BOOTSET
.end:
embed_cmdline:	incbin CMDLINE
.end:
	align 8
embed_image_size:   dq embed_image.end - embed_image
embed_bootset_size: dq embed_bootset.end - embed_bootset
embed_cmdline_size: dq embed_cmdline.end - embed_cmdline

section .note.GNU-stack noalloc noexec nowrite progbits
