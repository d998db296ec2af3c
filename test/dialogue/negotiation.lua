-- SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
--
-- What the filter negotiates: no reply that it does not need, header values
-- with their leading space, and only the actions that it takes.

local conn = assert(mt.connect(socket))
assert(mt.negotiate(conn, nil, nil, nil) == nil)

local wanted = {
	["no reply to headers"] = SMFIP_NR_HDR,
	["no reply to the end of headers"] = SMFIP_NR_EOH,
	["no reply to the body"] = SMFIP_NR_BODY,
	["leading spaces"] = SMFIP_HDR_LEADSPC,
}
for what, option in pairs(wanted) do
	assert(mt.test_option(conn, option), "not negotiated: " .. what)
end

-- Without these it would not see the message.
local needed = {
	["the client"] = SMFIP_NOCONNECT,
	["the sender"] = SMFIP_NOMAIL,
	["the recipients"] = SMFIP_NORCPT,
	["the headers"] = SMFIP_NOHDRS,
	["the body"] = SMFIP_NOBODY,
}
for what, option in pairs(needed) do
	assert(not mt.test_option(conn, option), "not asked for: " .. what)
end

assert(mt.test_action(conn, SMFIF_ADDHDRS), "can't add headers")
assert(mt.test_action(conn, SMFIF_CHGHDRS), "can't remove headers")
assert(mt.test_action(conn, SMFIF_QUARANTINE), "can't quarantine")
assert(not mt.test_action(conn, SMFIF_CHGBODY), "would change bodies")
assert(not mt.test_action(conn, SMFIF_ADDRCPT), "would add recipients")
assert(not mt.test_action(conn, SMFIF_DELRCPT), "would remove recipients")

mt.disconnect(conn)
