"""What calls.py finds wrong, and what it reads."""

import contextlib
import io
import json
import pathlib
import tempfile
import unittest
from unittest import mock

import calls
from calls import STACK, called, differences, read, resource_of
from expanded import DEV, deployed
from permissions import SECRETS, functions, named_by_traits

GET, PUT = (("dynamodb:GetItem", "OrdersTable", "ORDER#*"), ("dynamodb:PutItem", "OrdersTable", "PARKED#*"))
RECEIVE = ("sqs:ReceiveMessage", "DeclinesQueue", "")


def line(function, action, resource, partition=""):
    return json.dumps({"function": function, "action": action, "resource": resource, "partition": partition})


class Differences(unittest.TestCase):
    def test_what_is_called_and_granted_is_right(self):
        found = differences({"Intake": {GET, PUT}}, {"Intake": {GET, PUT, RECEIVE}}, {"Intake": {RECEIVE}})
        self.assertEqual(found, ([], []))

    def test_a_call_without_a_permission_is_missing_one(self):
        missing, unused = differences({"Intake": {GET, PUT}}, {"Intake": {GET}}, {})
        wanted = "missing: Intake needs dynamodb:PutItem on OrdersTable, PARKED#*, and its role does not grant it"
        self.assertEqual((missing, unused), ([wanted], []))

    def test_a_permission_without_a_call_is_unused(self):
        missing, unused = differences({"Intake": {GET}}, {"Intake": {GET, RECEIVE}}, {})
        wanted = "unused: Intake's role grants sqs:ReceiveMessage on DeclinesQueue, and no call of any run needed it"
        self.assertEqual((missing, unused), ([], [wanted]))

    def test_another_partition_of_the_table_is_another_permission(self):
        other = (GET[0], GET[1], "MERCHANT#*")
        missing, unused = differences({"Intake": {GET}}, {"Intake": {other}}, {})
        self.assertIn("ORDER#*", missing[0])
        self.assertIn("MERCHANT#*", unused[0])

    def test_what_aws_needs_is_missing_where_it_is_not_granted(self):
        missing, _ = differences({"Intake": {GET}}, {"Intake": {GET}}, {"Intake": {RECEIVE}})
        self.assertIn("sqs:ReceiveMessage on DeclinesQueue", missing[0])

    def test_a_function_that_was_never_seen_is_told(self):
        missing, unused = differences({"Intake": {GET}}, {"Intake": {GET}, "Sweep": {RECEIVE}}, {})
        self.assertEqual((missing, len(unused)), ([], 1))
        self.assertTrue(unused[0].startswith("not seen: Sweep "), unused)

    def test_a_caller_that_has_no_role_lacks_all(self):
        missing, _ = differences({"Intake": {GET}}, {}, {})
        self.assertEqual(len(missing), 1)


class Calls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.template = deployed(DEV)

    def test_resources_are_known_by_what_they_are_called_on_the_stack(self):
        names = {
            f"{STACK}-decline-intake": "DeclineIntakeFunction",
            f"arn:aws:dynamodb:us-east-1:000000000000:table/{STACK}-OrdersTable-9C7EE2C66EDF7": "OrdersTable",
            f"arn:aws:dynamodb:us-east-1:000000000000:table/{STACK}-OrdersTable-9C7EE2C66EDF7/index/due": "OrdersTable/index/due",
            f"arn:aws:sqs:us-east-1:000000000000:{STACK}-declines": "DeclinesQueue",
            f"arn:aws:sqs:us-east-1:000000000000:{STACK}-declines-dlq": "DeclinesDlq",
            f"arn:aws:events:us-east-1:000000000000:event-bus/{STACK}-outcomes": "OutcomesBus",
            "arn:aws:secretsmanager:us-east-1:000000000000:secret:rebill-rescue/dev/merchants/acme-1f398d": SECRETS,
        }
        self.assertEqual({name: resource_of(self.template, name) for name in names}, names)
        for name in ("*", "arn:aws:sqs:us-east-1:000000000000:others", "arn:aws:secretsmanager:us-east-1:0:secret:others"):
            self.assertEqual(resource_of(self.template, name), name)

    def test_every_stack_s_log_counts_and_the_same_call_once(self):
        table = f"arn:aws:dynamodb:us-east-1:000000000000:table/{STACK}-OrdersTable-9C"
        get = line(f"{STACK}-decline-intake", "dynamodb:GetItem", table, "ORDER#*")
        put = line(f"{STACK}-decline-intake", "dynamodb:PutItem", table, "PARKED#*")
        with tempfile.TemporaryDirectory() as directory:
            for run, lines in (("one", [get]), ("two", [get, put]), ("three", [])):
                log = pathlib.Path(directory) / run / "calls.log"
                log.parent.mkdir()
                log.write_text("".join(f"{line}\n" for line in lines))
            self.assertEqual(called(self.template, read(pathlib.Path(directory))), {"DeclineIntake": {GET, PUT}})


class Check(unittest.TestCase):
    """The program itself, on runs that made all the calls that the roles are for, or not quite."""

    @classmethod
    def setUpClass(cls):
        template = deployed(DEV)
        cls.all = {name: named_by_traits(template, name) for name in functions(template)}

    def check(self, made, *options):
        told = io.StringIO()
        with mock.patch.object(calls, "called", return_value=made), contextlib.redirect_stdout(told):
            with self.assertRaises(SystemExit) as end:
                calls.main("any", *options)
        return end.exception.code, told.getvalue()

    def test_all_that_is_granted_and_nothing_else_passes(self):
        code, told = self.check(self.all)
        self.assertEqual(code, 0, told)

    def test_a_call_too_few_or_too_many_fails(self):
        code, told = self.check({**self.all, "DeclineIntake": self.all["DeclineIntake"] - {PUT}})
        self.assertEqual((code, told.count("\n")), (1, 2), told)
        self.assertIn("unused: DeclineIntake's role grants dynamodb:PutItem on OrdersTable, PARKED#*, and", told)
        scan = ("dynamodb:Scan", "OrdersTable", "")
        code, told = self.check({**self.all, "DeclineIntake": self.all["DeclineIntake"] | {scan}})
        self.assertEqual((code, told.count("\n")), (1, 2), told)
        self.assertIn("missing: DeclineIntake needs dynamodb:Scan on OrdersTable, and", told)

    def test_a_run_that_broke_off_tells_what_is_missing_alone(self):
        self.assertEqual(self.check({"DeclineIntake": {GET}}, "--missing")[0], 0)
        self.assertEqual(self.check({"DeclineIntake": {(GET[0], GET[1], "PARKED#*")}}, "--missing")[0], 1)

    def test_nothing_noted_is_a_failure(self):
        for options in ([], ["--missing"]):
            self.assertIn("nothing was checked", self.check({}, *options)[0])


if __name__ == "__main__":
    unittest.main()
