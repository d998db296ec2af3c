# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""The clients of a chaos run: each a thread that sends mail as an MTA does,
brings back what was deferred, leaves where its card says so, and holds every
reply against what is promised."""

import dataclasses
import threading
import time

import chaosmail
import mails
import milterclient

# Deferred mails that a client has in its queue; then it sends no new ones.
_QUEUE = {"quick": 8, "heavy": 6, "slow": 2}
_RETRY_AFTER = (0.5, 4.0)
_PAUSE = {"quick": (0.02, 0.15), "heavy": (0.1, 0.5), "slow": (0.1, 0.5)}
# More than this for a reply is never.
_NEVER = 30.0

_SENDERS = {"mta": f"<{mails.SENDER}>", "submission": f"<{mails.SENDER}>",
            "local": mails.SENDER}
_RECIPIENTS = {"mta": f"<{mails.RECIPIENT}>",
               "submission": f"<{mails.RECIPIENT}>",
               "local": mails.RECIPIENT}


@dataclasses.dataclass(frozen=True)
class Promises:
    """In seconds: the reply deadline of each kind of client, the interval of
    progress, how long the filter may hold up the arrival of a message, and
    what is allowed on top of each on a busy machine."""
    reply: dict
    progress: float
    arrival: float
    tolerance: float


class _Left(Exception):
    """The client has gone, as its card says."""


class Client(threading.Thread):
    """One after another; stop() ends the sending of new mail, and finish()
    the thread, once nothing is deferred any more."""

    def __init__(self, name, role, run, life, address, promises):
        super().__init__(name=name, daemon=True)
        self._role = role
        self._run = run
        self._life = life
        self._address = address
        self._promises = promises
        self._mails = run.random(f"{name}/mails")
        self._whims = run.random(f"{name}/whims")
        self._deck = []
        self._queue = []
        self._settling = threading.Event()
        self._ended = threading.Event()

    def settle(self):
        """From now on only what is deferred is sent, and one fresh mail of
        each of the client's kinds, until all have got their verdict."""
        self._settling.set()

    def end(self):
        """At once."""
        self._ended.set()

    def waiting(self):
        """What is deferred."""
        return [f"{mail.card.kind}/{mail.card.form} after {mail.tries} tries"
                for mail in list(self._queue)]

    def run(self):
        try:
            while not self._settling.is_set() and not self._ended.is_set():
                self._one()
            for card in self._fresh_cards():
                self._queue.append(chaosmail.make(card, self._mails))
            while self._queue and not self._ended.is_set():
                self._one()
        except Exception as failure:  # pylint: disable=broad-except
            self._run.fail(f"{self.name}: {failure!r}")

    def _fresh_cards(self):
        return [card for card in dict.fromkeys(chaosmail.DECKS[self._role])
                if not card.leaves]

    def _one(self):
        """Sends the next mail, if one is due."""
        self._ended.wait(self._whims.uniform(*_PAUSE[self._role]))
        mail = self._next()
        if mail is None:
            return
        mail.tries += 1
        if not self._try(mail):
            mail.leaves = ""
            mail.due = time.monotonic() + self._whims.uniform(*_RETRY_AFTER)
            self._queue.append(mail)

    def _next(self):
        """A mail that is due again, or a new one if the queue has room."""
        now = time.monotonic()
        due = [mail for mail in self._queue if mail.due <= now]
        full = (len(self._queue) >= _QUEUE[self._role] or
                self._settling.is_set())
        if due and (full or self._whims.random() < 0.5):
            self._queue.remove(due[0])
            return due[0]
        if full:
            return None
        if not self._deck:
            self._deck = list(chaosmail.DECKS[self._role])
            self._mails.shuffle(self._deck)
        return chaosmail.make(self._deck.pop(), self._mails)

    # One try

    def _count(self, mail, outcome):
        self._run.count("mail", mail.card.kind, outcome)
        if mail.card.kind == "infected":
            self._run.count("form", mail.card.form, outcome)
        if mail.tries > 1:
            self._run.count("returned", outcome)

    def _try(self, mail):
        """True if the mail is done with."""
        began = time.monotonic()
        try:
            with milterclient.MilterClient(self._address,
                                           timeout=_NEVER) as client:
                outcome = self._session(client, mail)
        except _Left:
            self._run.count("left", mail.leaves)
            return not mail.comes_back
        except (milterclient.MilterClosed, OSError) as lost:
            if not self._life.excuses(began):
                self._fail(mail, f"lost while the filter lives: {lost!r}, "
                           f"{time.monotonic() - began:.1f} s after its "
                           "beginning")
            self._count(mail, "lost")
            return False
        self._count(mail, outcome)
        return outcome != "tempfail"

    def _fail(self, mail, what):
        self._run.fail(f"{self.name}, {mail.card.kind}/{mail.card.form} mail "
                       f"from {mail.client}, try {mail.tries}: {what}")

    def _timed(self, mail, what, limit, call, *arguments):
        """Calls, and takes the time."""
        began = time.monotonic()
        result = call(*arguments)
        seconds = time.monotonic() - began
        if seconds > limit + self._promises.tolerance:
            self._fail(mail, f"{what} took {seconds:.2f} s")
        return result

    def _leave(self, mail, step):
        if mail.leaves == step:
            raise _Left

    def _session(self, client, mail):
        """One session with one mail; what became of it, in a word."""
        if mail.client == "local":
            client.connect_command()
        else:
            client.connect()
        self._leave(mail, "connect")
        if mail.client == "submission":
            client.define("M", auth_type="PLAIN", auth_authen="someone")
        reply = self._timed(mail, "MAIL", 0, client.mail,
                            _SENDERS[mail.client])
        if reply != "accept":
            if not reply.startswith("4") and reply != "tempfail":
                self._fail(mail, f"MAIL was answered {reply}")
            return "tempfail"
        self._leave(mail, "mail")
        client.rcpt(_RECIPIENTS[mail.client])
        self._leave(mail, "rcpt")
        self._timed(mail, "its arrival", self._promises.arrival,
                    self._content, client, mail)
        outcome = self._end(client, mail)
        client.quit()
        self._judge(mail, outcome)
        return outcome.action

    def _content(self, client, mail):
        data = mail.with_new_traces() if mail.tries > 1 else mail.data
        fields, body = mails.split(data)
        if mail.leaves == "headers":
            for field in fields[:len(fields) // 2]:
                client.header(*field)
            raise _Left
        client.head(fields)
        if mail.leaves == "body":
            client.body(body[:len(body) // 2])
            raise _Left
        client.body(body)

    def _end(self, client, mail):
        client.send_end()
        self._leave(mail, "end")
        while not client.take_replies():
            if client.outcome.progress:
                self._leave(mail, "waiting")
        return client.outcome

    def _judge(self, mail, outcome):
        """Its verdict, and whether reply and progress came in time."""
        fault = chaosmail.wrong(mail.card, outcome)
        if fault:
            self._fail(mail, fault)
        promises = self._promises
        # Its end may lie behind a part of it that waits for memory.
        held_up = promises.arrival
        limit = promises.reply[mail.client] + held_up + promises.tolerance
        if outcome.seconds > limit:
            self._fail(mail, f"answered after {outcome.seconds:.2f} s, with "
                       f"progress at {outcome.progress}")
        moments = [held_up, *outcome.progress, outcome.seconds]
        silence = max(after - before for before, after in
                      zip(moments, moments[1:]))
        if silence > promises.progress + promises.tolerance:
            self._fail(mail, f"heard nothing for {silence:.2f} s: "
                       f"{moments}")
