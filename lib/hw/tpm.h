/*
 * Trusted platform module 2.0: registers of its two interfaces at locality 0 (TCG PC Client Platform TPM Profile
 * 1.05, 6.5 "TPM Register Space") and the commands in use (TPM 2.0 Library, part 2 and 3; all big-endian).
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define TPM_BASE 0xfed40000u
#define TPM_SIZE 0x1000u /* of a locality */

/* FIFO */
#define TPM_ACCESS             0x00 /* 8 bits */
#define TPM_ACCESS_VALID       BIT(7)
#define TPM_ACCESS_ACTIVE      BIT(5) /* written: gives the locality back */
#define TPM_ACCESS_REQUEST     BIT(1)
#define TPM_STS                0x18 /* 32 bits: status, burst count */
#define TPM_STS_VALID          BIT(7)
#define TPM_STS_COMMAND_READY  BIT(6)
#define TPM_STS_GO             BIT(5)
#define TPM_STS_DATA_AVAILABLE BIT(4)
#define TPM_STS_EXPECT         BIT(3)
#define TPM_STS_BURST_SHIFT    8
#define TPM_STS_BURST_MASK     0xffffu
#define TPM_DATA_FIFO          0x24 /* 8 bits */

/* CRB */
#define TPM_LOC_STATE           0x00
#define TPM_LOC_STATE_VALID     BIT(7)
#define TPM_LOC_STATE_ASSIGNED  BIT(1)
#define TPM_LOC_CTRL            0x08
#define TPM_LOC_CTRL_REQUEST    BIT(0)
#define TPM_LOC_CTRL_RELINQUISH BIT(1)
#define TPM_CTRL_REQ            0x40
#define TPM_CTRL_REQ_READY      BIT(0)
#define TPM_CTRL_REQ_IDLE       BIT(1)
#define TPM_CTRL_STS            0x44
#define TPM_CTRL_STS_ERROR      BIT(0)
#define TPM_CTRL_START          0x4c
#define TPM_CTRL_CMD_SIZE       0x58
#define TPM_CTRL_CMD_LADDR      0x5c
#define TPM_CTRL_CMD_HADDR      0x60
#define TPM_CTRL_RSP_SIZE       0x64
#define TPM_CTRL_RSP_ADDR       0x68 /* 64 bits */

#define TPM_ST_NO_SESSIONS 0x8001
#define TPM_ST_SESSIONS    0x8002
#define TPM_CC_GET_RANDOM  0x17b
#define TPM_CC_PCR_EXTEND  0x182
#define TPM_RS_PW          0x40000009u /* a session by password, which is empty */
#define TPM_ALG_SHA256     0x000b

/* Both ways: tag, size with the header, code of a command or, of a response, 0 for success. Part 1, 18 */
#define TPM_HEADER_SIZE 10
