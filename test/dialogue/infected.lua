-- SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
--
-- An infected mail is rejected with the text that was configured: the name
-- of the virus, the queue ID (which no MTA knows at MAIL), and a percent sign,
-- doubled for the MTA.

local conn = assert(mt.connect(socket))
assert(mt.conninfo(conn, "client.example", "192.0.2.1") == nil)
assert(mt.mailfrom(conn, "<sender@sender.example>") == nil)
mt.macro(conn, SMFIC_RCPT, "i", "QUEUE-ID-1")
assert(mt.rcptto(conn, "<recipient@recipient.example>") == nil)
assert(mt.header(conn, "From", " sender@sender.example") == nil)
assert(mt.eoh(conn) == nil)
assert(mt.bodystring(conn, eicar .. "\r\n") == nil)
assert(mt.eom(conn) == nil)

assert(mt.getreply(conn) == SMFIR_REPLYCODE)
assert(mt.eom_check(conn, MT_SMTPREPLY, "550", "5.7.1",
	"100%% " .. virus .. " in QUEUE-ID-1"), "not the configured reply")
assert(not mt.eom_check(conn, MT_HDRADD))

mt.disconnect(conn)
