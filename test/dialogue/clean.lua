-- SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
--
-- A clean mail is accepted and labelled; what its sender forged is removed.

local conn = assert(mt.connect(socket))
assert(mt.conninfo(conn, "client.example", "192.0.2.1") == nil)
assert(mt.mailfrom(conn, "<sender@sender.example>") == nil)
assert(mt.getreply(conn) == SMFIR_CONTINUE)
assert(mt.rcptto(conn, "<recipient@recipient.example>") == nil)
assert(mt.header(conn, "From", " sender@sender.example") == nil)
assert(mt.header(conn, "X-Virus-Status", " Clean (forged)") == nil)
assert(mt.header(conn, "X-Virus-Scanned", " forged") == nil)
assert(mt.eoh(conn) == nil)
assert(mt.bodystring(conn, "Hello.\r\n") == nil)
assert(mt.eom(conn) == nil)

local reply = mt.getreply(conn)
assert(reply == SMFIR_CONTINUE or reply == SMFIR_ACCEPT)
assert(mt.eom_check(conn, MT_HDRDELETE, "X-Virus-Status"))
assert(mt.eom_check(conn, MT_HDRDELETE, "X-Virus-Scanned"))
assert(not mt.eom_check(conn, MT_HDRDELETE, "From"))
assert(mt.eom_check(conn, MT_HDRADD, "X-Virus-Status", " Clean") or
       mt.eom_check(conn, MT_HDRINSERT, "X-Virus-Status", " Clean"))
assert(mt.eom_check(conn, MT_HDRADD, "X-Virus-Scanned") or
       mt.eom_check(conn, MT_HDRINSERT, "X-Virus-Scanned"))
assert(not mt.eom_check(conn, MT_QUARANTINE))
assert(not mt.eom_check(conn, MT_BODYCHANGE))

mt.disconnect(conn)
