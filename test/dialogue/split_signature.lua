-- SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
--
-- The body in chunks of one byte: where the MTA cuts it makes no difference.

local conn = assert(mt.connect(socket))
assert(mt.conninfo(conn, "client.example", "192.0.2.1") == nil)
assert(mt.mailfrom(conn, "<sender@sender.example>") == nil)
assert(mt.rcptto(conn, "<recipient@recipient.example>") == nil)
assert(mt.header(conn, "From", " sender@sender.example") == nil)
assert(mt.eoh(conn) == nil)
for at = 1, #eicar do
	assert(mt.bodystring(conn, eicar:sub(at, at)) == nil)
end
assert(mt.eom(conn) == nil)
assert(mt.getreply(conn) == SMFIR_REPLYCODE)

mt.disconnect(conn)
