-- SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
--
-- Two mails in a session, with a mail between them that is given up: nothing
-- of one is left in the next.

local conn = assert(mt.connect(socket))
assert(mt.conninfo(conn, "client.example", "192.0.2.1") == nil)

local function begin_mail(body)
	assert(mt.mailfrom(conn, "<sender@sender.example>") == nil)
	assert(mt.rcptto(conn, "<recipient@recipient.example>") == nil)
	assert(mt.header(conn, "From", " sender@sender.example") == nil)
	assert(mt.eoh(conn) == nil)
	assert(mt.bodystring(conn, body) == nil)
end

begin_mail(eicar .. "\r\n")
assert(mt.eom(conn) == nil)
assert(mt.getreply(conn) == SMFIR_REPLYCODE)

begin_mail(eicar .. "\r\n")
assert(mt.abort(conn) == nil)

begin_mail("Hello.\r\n")
assert(mt.eom(conn) == nil)
local reply = mt.getreply(conn)
assert(reply == SMFIR_CONTINUE or reply == SMFIR_ACCEPT)

mt.disconnect(conn)
