#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
"""vscanctl check-mta with real configurations: planted mistakes are found, each with
the line that mends it, and nothing else is."""

import contextlib
import grp
import os
import pathlib
import socket
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import needs
import ports
import postfix
import procs
import sendmail
import testmain
from daemon import config_text
from scratchdir import scratch_dir

EX_USAGE = 64
EX_NOINPUT = 66
EX_UNAVAILABLE = 69

# Nothing listens there: the configurations are only read.
SINK_PORT = 25

SMTPD = "127.0.0.1:{port} inet n - y - - smtpd"


class CheckMtaCase(unittest.TestCase):
    """Runs of the command, none of a daemon or an MTA."""

    def setUp(self):
        self.directory = self.enterContext(scratch_dir())
        self.queue = self.directory / "postfix/queue"
        self.socket = f"unix:{self.queue}/vscan/milter.sock"

    def check(self, *where, **settings):
        """One run; settings are the milter's own."""
        config = self.directory / "vscan-milter.conf"
        config.write_text(config_text({"socket": self.socket} | settings))
        return procs.run([needs.build() / "sbin/vscanctl", "-c", config,
                          "check-mta", *where], check=False)

    def problems(self, *where, **settings):
        """The problems of a run that went well otherwise."""
        done = self.check(*where, **settings)
        found = [line.removeprefix("problem: ")
                 for line in done.stdout.splitlines()
                 if line.startswith("problem: ")]
        self.assertEqual(done.returncode, 1 if found else 0, done)
        self.assertIn("ok: ", done.stdout)
        return found

    def line(self, path, text):
        """FILE:NUMBER of the one line that has the text."""
        numbers = [number for number, line in enumerate(
            path.read_text().split("\n"), 1)
                   if line.strip().startswith(text)]
        self.assertEqual(len(numbers), 1, text)
        return f"{path}:{numbers[0]}"

    def assert_problem(self, problems, *words):
        """It is the only one, and has all these words in it."""
        self.assertEqual(len(problems), 1, problems)
        for word in words:
            self.assertIn(word, problems[0])


class PostfixCase(CheckMtaCase):
    """What Postfix's postconf says."""

    def configuration(self, milter="unix:vscan/milter.sock", **settings):
        """A directory with main.cf and master.cf."""
        self.mta = postfix.Postfix(self.directory / "postfix", SINK_PORT,
                                   milter, **settings)
        directory = self.directory / "postfix/config"
        # Postfix waits until a file is old enough to be whole.
        os.utime(directory / "main.cf", (0, 0))
        return directory

    def override(self, directory, text):
        """Options for smtpd in master.cf."""
        path = directory / "master.cf"
        line = SMTPD.format(port=self.mta.port)
        self.assertIn(line, path.read_text())
        path.write_text(path.read_text().replace(line, f"{line}\n  {text}"))

    def test_good_configuration_has_no_problem(self):
        self.assertEqual(self.problems(self.configuration()), [])

    def test_good_milter_with_settings_of_its_own_has_no_problem(self):
        self.assertEqual([], self.problems(self.configuration(
            milter="{ unix:vscan/milter.sock, default_action=tempfail, "
            "content_timeout=1m }", milter_content_timeout="1s",
            milter_default_action="accept")))

    def test_planted_mistakes_are_each_found_and_mended(self):
        for name, value, better in (
                ("milter_connect_timeout", "1s", "30s"),
                ("milter_command_timeout", "$milter_connect_timeout", None),
                ("milter_command_timeout", "3", "30s"),
                ("milter_content_timeout", "2s", "300s"),
                ("milter_default_action", "accept", "tempfail"),
                ("milter_default_action", "reject", "tempfail"),
                ("ipc_timeout", "30s", "3600s")):
            with self.subTest(name=name, value=value):
                where = self.configuration(**{name: value})
                found = self.problems(where)
                if better is None:
                    self.assertEqual(found, [])
                    continue
                line = self.line(where / "main.cf", f"{name} = ")
                self.assert_problem(found, f"{line}: {name} = {value}: ",
                                    f"change it to: {name} = {better}")
                mended = self.configuration(**{name: better})
                self.assertEqual(self.problems(mended), [])

    def test_longer_deadlines_need_more_patience(self):
        where = self.configuration(ipc_timeout="95s")
        self.assertEqual(self.problems(where), [])
        self.assert_problem(
            self.problems(where, deadline={"reply": "70s"}), "ipc_timeout")

    def test_override_in_master_cf_is_found(self):
        where = self.configuration()
        self.override(where, "-o milter_content_timeout=2s")
        line = self.line(where / "master.cf", "-o milter_content_timeout")
        self.assert_problem(
            self.problems(where),
            f"{line}: 127.0.0.1:{self.mta.port}/inet: ",
            "-o milter_content_timeout=2s: ",
            "change it to: -o milter_content_timeout=300s")

    def test_override_in_master_cf_hides_a_mistake_for_its_service(self):
        where = self.configuration(non_smtpd_milters="",
                                   milter_content_timeout="2s")
        self.override(where, "-o milter_content_timeout=1m")
        self.assertEqual(self.problems(where), [])

    def test_mistake_of_one_milter_alone_is_found(self):
        where = self.configuration()
        self.override(where, "-o { smtpd_milters = inet:127.0.0.1:9 { "
                      "unix:vscan/milter.sock, default_action=accept } }")
        self.assert_problem(self.problems(where), "default_action=accept",
                            "change it to: default_action=tempfail")

    def test_mistakes_about_other_milters_are_not_ours(self):
        self.assertEqual([], self.problems(self.configuration(
            milter="{ inet:127.0.0.1:9, default_action=accept } "
            "unix:vscan/milter.sock")))

    def test_socket_outside_the_chroot_is_found(self):
        where = self.configuration(
            milter="unix:$queue_directory/vscan/milter.sock")
        found = self.problems(where)
        self.assertEqual(len(found), 2, found)
        for problem, name in zip(found, ("smtpd_milters",
                                         "non_smtpd_milters")):
            self.assertIn("chroot", problem)
            self.assertTrue(problem.endswith(
                f"change it to: {name} = unix:vscan/milter.sock"), problem)

    def test_mistyped_socket_is_found_with_its_line_and_what_mends_it(self):
        for entry in ("vscan/milter.sock", "unix:vscna/milter.sock",
                      "unix: vscan/milter.sock", "unix:vscan/milter.sock/",
                      "UNIX:vscan/milter.sock", "unix:/run/vscan/milter.sock",
                      "unix:private/vscan", "inet:vscan/milter.sock",
                      "local:vscan/milter.sok",
                      "{ unix:vscan/miter.sock, connect_timeout=9s }"):
            with self.subTest(entry=entry):
                where = self.configuration(
                    milter=f"inet:127.0.0.1:9,{entry}",
                    non_smtpd_milters="$smtpd_milters")
                # Both lists go by the one line.
                line = self.line(where / "main.cf", "smtpd_milters = ")
                self.assert_mistyped(where, line)

    def assert_mistyped(self, where, line, name="smtpd_milters", **settings):
        """There is this problem alone, and what it says mends it."""
        done = self.check(where, **settings)
        found = [text for text in done.stdout.splitlines()
                 if text.startswith("problem: ")]
        self.assertEqual(done.returncode, 1, done)
        self.assert_problem(found, f"problem: {line}: {name} = ")
        better = found[0].rpartition("change it to: ")[2]
        self.assertTrue(better.startswith(f"{name} = "), found)
        path, number = line.rsplit(":", 1)
        lines = pathlib.Path(path).read_text().splitlines()
        lines[int(number) - 1] = better
        pathlib.Path(path).write_text("\n".join(lines) + "\n")
        os.utime(path, (0, 0))
        self.assertEqual(self.problems(where, **settings), [])

    def test_mistyped_socket_is_found_to_be_looked_for_in_the_chroot(self):
        where = self.configuration(milter="unix:/run/vscan/milter.sock",
                                   non_smtpd_milters="")
        self.assert_problem(
            self.problems_alone(where), "nobody listens at "
            "unix:/run/vscan/milter.sock in the chroot of this service")

    def test_mistyped_tcp_socket_is_found(self):
        port = ports.free_port()
        for entry in (f"inet:{port}@localhost", f"localhost:{port}",
                      f"inet6:[::1]:{port}", f"inet:{port}:127.0.0.1",
                      f"unix:127.0.0.1:{port}", "unix:vscan/milter.sock"):
            with self.subTest(entry=entry):
                where = self.configuration(
                    milter=entry, non_smtpd_milters="$smtpd_milters")
                line = self.line(where / "main.cf", "smtpd_milters = ")
                self.assert_mistyped(where, line,
                                     socket=f"inet:{port}@127.0.0.1")

    def test_mistyped_socket_is_found_in_a_line_that_continues(self):
        where = self.configuration(
            milter="\n  inet:127.0.0.1:9\n# unix:vscan/miter.sock\n\n"
            "  unix:vscan/miter.sock\n  inet:127.0.0.1:11",
            non_smtpd_milters="")
        line = self.line(where / "main.cf", "unix:vscan/miter.sock")
        self.assert_problem(
            self.problems_alone(where), f"{line}: smtpd_milters = ",
            "change it to: smtpd_milters = inet:127.0.0.1:9 "
            "unix:vscan/milter.sock inet:127.0.0.1:11")

    def test_mistyped_socket_is_found_in_master_cf(self):
        where = self.configuration()
        self.override(where, "-o milter_connect_timeout=30s\n"
                      "  -o smtpd_milters=unix:vscan/miter.sock")
        line = self.line(where / "master.cf", "-o smtpd_milters")
        self.assert_problem(
            self.problems(where),
            f"{line}: 127.0.0.1:{self.mta.port}/inet: ",
            "change it to: -o smtpd_milters=unix:vscan/milter.sock")

    def test_mistyped_socket_is_found_in_a_variable(self):
        where = self.configuration(mail_milters="unix:$place/miter.sock",
                                   own_milters="$mail_milters",
                                   place="vscan")
        self.override(where, "-o smtpd_milters=$own_milters")
        line = self.line(where / "master.cf", "-o smtpd_milters")
        self.assert_problem(
            self.problems(where), f"{line}: ",
            "change it to: -o smtpd_milters=unix:vscan/milter.sock")
        where = self.configuration(mail_milters="unix:vscan/miter.sock",
                                   own_milters="$mail_milters")
        self.override(where, "-o smtpd_milters=$own_milters")
        line = self.line(where / "main.cf", "mail_milters = ")
        self.assert_problem(
            self.problems(where), f"{line}: mail_milters = ",
            "change it to: mail_milters = unix:vscan/milter.sock")

    def test_milter_that_listens_is_not_ours(self):
        where = self.configuration(milter="unix:vscan/miter.sock")
        with self.listening("miter.sock"):
            self.assert_problem(self.problems_alone(where),
                                "no MTA asks vscan-milter")
        self.assertEqual(len(self.problems_alone(where)), 2)

    @contextlib.contextmanager
    def listening(self, name, mode=0o666):
        """Somebody listens at this name in the socket's directory."""
        path = self.mta.make_socket_directory() / name
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            path.chmod(mode)
            listener.listen()
            yield path

    def problems_alone(self, *where, **settings):
        """The problems of a run that has nothing good to say, too."""
        done = self.check(*where, **settings)
        self.assertEqual(done.returncode, 1, done)
        return [line for line in done.stdout.splitlines()
                if line.startswith("problem: ")]

    def test_socket_that_postfix_may_not_open_is_found(self):
        where = self.configuration()
        for settings, better in (
                ({"socket_group": ""}, 'socket_group = "postfix"'),
                ({"socket_group": "postfix", "socket_mode": "0640"},
                 'socket_mode = "0660"')):
            self.assert_problem(self.problems(where, **settings),
                                f"change vscan-milter's configuration to: {better}")
        self.assertEqual([], self.problems(where, socket_group="",
                                           socket_mode="0666"))

    def test_socket_that_is_not_as_configured_is_found(self):
        where = self.configuration()
        with self.listening("milter.sock", 0o660) as path:
            self.assert_problem(self.problems(where), "mode 0660",
                                f"chgrp postfix {path} && chmod 0660 {path}")
            os.chown(path, -1, grp.getgrnam("postfix").gr_gid)
            self.assertEqual([], self.problems(where))
            path.chmod(0o640)
            self.assert_problem(self.problems(where), "mode 0640",
                                f"change it by: chmod 0660 {path}")

    def test_directory_above_the_queue_counts_without_a_chroot(self):
        # What its chroot column and its milters are, and what is found.
        self.directory.chmod(0o700)
        path = self.queue / "vscan/milter.sock"
        for chroot, milter, found in (("n", f"unix:{path}", True),
                                      ("n", "unix:vscan/milter.sock", False),
                                      ("y", "unix:vscan/milter.sock", False)):
            with self.subTest(chroot=chroot, milter=milter):
                where = self.configuration(milter=milter,
                                           non_smtpd_milters="")
                master = where / "master.cf"
                master.write_text(master.read_text().replace(
                    "inet n - y", f"inet n - {chroot}"))
                if found:
                    self.assert_problem(self.problems(where),
                                        f"chmod a+x {self.directory}")
                else:
                    self.assertEqual([], self.problems(where))

    def test_directory_that_postfix_may_not_search_is_found(self):
        where = self.configuration()
        self.mta.make_socket_directory().chmod(0o700)
        self.assert_problem(self.problems(where),
                            f"chmod a+x {self.queue}/vscan")

    def test_postfix_that_does_not_ask_us_is_found(self):
        where = self.configuration(milter="inet:127.0.0.1:9",
                                   non_smtpd_milters="$smtpd_milters")
        dead, nobody = self.problems_alone(where)
        self.assertIn("nobody listens at inet:127.0.0.1:9", dead)
        self.assertIn("if this milter is meant to be vscan-milter, change it to: "
                      "smtpd_milters = unix:vscan/milter.sock", dead)
        self.assertIn("problem: no MTA asks vscan-milter", nobody)

    def test_local_mail_that_is_not_scanned_is_noted(self):
        done = self.check(self.configuration(non_smtpd_milters=""))
        self.assertEqual(done.returncode, 0)
        self.assertIn("note: ", done.stdout)
        self.assertIn("non_smtpd_milters", done.stdout)

    def test_broken_directory_can_not_be_read(self):
        where = self.configuration()
        (where / "main.cf").unlink()
        self.assertEqual(self.check(where).returncode, EX_NOINPUT)


class SendmailCase(CheckMtaCase):
    """What a sendmail.cf made by m4 says."""

    def setUp(self):
        super().setUp()
        self.socket = f"unix:{self.directory}/socket/milter.sock"
        sendmail.Sendmail(self.directory / "sendmail", SINK_PORT,
                          self.socket)
        self.cf = self.directory / "sendmail/sendmail.cf"
        self.text = self.cf.read_text()

    def edit(self, old, new):
        """Changes one thing in the file as m4 made it."""
        self.assertEqual(self.text.count(old), 1, old)
        self.cf.write_text(self.text.replace(old, new))
        return self.cf

    def test_good_configuration_has_no_problem(self):
        self.assertEqual(self.problems(self.cf), [])

    def test_planted_mistakes_are_each_found_and_mended(self):
        mended = (f"Xvscan, S={self.socket}, F=T, "
                  "T=C:5m;S:10s;R:10s;E:5m")
        for new, named in ((", F=", ": F=: "),
                           (", F=R", ": F=R: "),
                           ("", ": F= (default): "),
                           (", F=T, T=R:2s", ": T=R:2s: "),
                           (", F=T, T=C:5m;S:1s", ": T=S:1s: "),
                           (", F=T, T=C:5m;S:10s;R:10s;E:30s",
                            ": T=E:30s: ")):
            with self.subTest(new=new):
                found = self.problems(self.edit(", F=T", new))
                line = self.line(self.cf, "Xvscan, ")
                self.assert_problem(found, f"{line}: Xvscan{named}",
                                    f"change it to: {mended}")
        self.edit(f"Xvscan, S={self.socket}, F=T", mended)
        self.assertEqual(self.problems(self.cf), [])

    def test_reply_deadline_beyond_the_default_total_is_found(self):
        found = self.problems(self.cf, deadline={"reply": "6m"})
        self.assert_problem(found, "T=E:5m (default)", "E:370s")

    def test_filter_that_is_not_asked_is_found(self):
        self.edit("O InputMailFilters=vscan", "O InputMailFilters=other")
        self.assert_problem(self.problems(self.cf),
                            "change it to: O InputMailFilters=other, vscan")

    def test_sendmail_that_does_not_ask_us_is_found(self):
        self.cf.write_text(self.text.replace(
            f"Xvscan, S={self.socket}", "Xother, S=inet:9@localhost"))
        done = self.check(self.cf)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nobody listens at inet:9@localhost; if this filter is "
                      "meant to be vscan-milter", done.stdout)
        self.assertIn("problem: no MTA asks vscan-milter", done.stdout)

    def test_mistyped_socket_is_found_with_its_line_and_what_mends_it(self):
        for socket_name in ("unix:vscan/milter.sock",
                            f"{self.socket[:-2]}", f"{self.socket}/",
                            "unix:/run/vscan/milter.sock",
                            "inet:127.0.0.1:9", "inet:9@localhost"):
            with self.subTest(socket=socket_name):
                self.edit(f"S={self.socket}", f"S={socket_name}")
                line = self.line(self.cf, "Xvscan, ")
                done = self.check(self.cf)
                self.assertEqual(done.returncode, 1, done)
                self.assert_problem(
                    done.stdout.splitlines(),
                    f"problem: {line}: Xvscan: S={socket_name}: ",
                    f"change it to: Xvscan, S={self.socket}, F=T, ")


class PlacesCase(CheckMtaCase):
    """What is not an MTA's configuration."""

    def test_other_files_can_not_be_read(self):
        other = self.directory / "other.cf"
        for data in (b"", b"relayhost =\n", b"\0\xff\n" * 1000,
                     b"X" * (5 << 20)):
            other.write_bytes(data)
            done = self.check(other)
            self.assertEqual(done.returncode, EX_NOINPUT, done)
            self.assertIn(f"vscanctl: {other}: ", done.stderr)

    def test_missing_places_can_not_be_read(self):
        done = self.check(self.directory / "missing")
        self.assertEqual(done.returncode, EX_NOINPUT)

    def test_socket_that_is_handed_over_can_not_be_told(self):
        done = self.check(self.directory, socket="fd:3")
        self.assertEqual(done.returncode, EX_UNAVAILABLE)

    def test_place_without_the_option_is_wrong_usage(self):
        done = procs.run([needs.build() / "sbin/vscan-milter",
                          self.directory], check=False)
        self.assertEqual(done.returncode, EX_USAGE)


if __name__ == "__main__":
    testmain.main(postfix.needed, sendmail.unpacked)
