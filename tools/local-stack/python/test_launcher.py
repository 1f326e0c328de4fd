"""The launcher's corrections, each against the version of MiniStack that is installed."""

import json
import os
import tempfile
import unittest
from unittest import mock

os.environ.setdefault("GATEWAY_PORT", "4566")

import ministack_launcher as launcher


class Corrections(unittest.TestCase):
    def test_a_schedule_is_told_its_time(self):
        from ministack.services import eventbridge

        launcher.substitute_scheduled_time()
        target = {
            "Arn": "arn:aws:lambda:us-east-1:000000000000:function:sweep",
            "Input": json.dumps({"scheduled_at": launcher.SCHEDULED_TIME}),
        }
        event = {"Source": "aws.scheduler", "Time": 1795224410.3, "Detail": "{}"}
        with mock.patch.object(eventbridge, "_dispatch_to_lambda") as dispatch:
            eventbridge._invoke_target(target, event, {})
        given = json.loads(dispatch.call_args.args[1])
        self.assertEqual(given, {"scheduled_at": "2026-11-21T01:26:50Z"})

    def test_a_concurrency_from_a_parameter_is_a_number(self):
        from ministack.services import lambda_svc

        launcher.read_concurrency_as_number()
        limit = lambda_svc._sqs_esm_concurrency({"ScalingConfig": {"MaximumConcurrency": "7"}}, {}, {})
        self.assertEqual(limit, 7)

    def test_a_batch_needs_the_permission_of_a_single_call(self):
        from ministack.core import iam_actions

        launcher.authorize_batches_as_single_calls()
        targets = {"AmazonSQS.SendMessageBatch": "sqs:SendMessage", "AmazonSQS.ReceiveMessage": "sqs:ReceiveMessage"}
        for target, action in targets.items():
            found = iam_actions.extract_iam_action("sqs", "POST", "/", {"x-amz-target": target}, b"{}", {})
            self.assertEqual(found, action)

    def test_a_condition_on_leading_keys_is_held_against_the_item_that_is_asked_for(self):
        from ministack.core import iam_actions, iam_evaluator

        launcher.tell_leading_keys()
        condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ORDER#*"]}}

        def allowed(request):
            keys = iam_actions.dynamodb_service_context(json.dumps(request).encode())
            context = iam_evaluator.EvalContext("arn", "AssumedRole", "0", "dynamodb:GetItem", "*", "us-east-1")
            context.service_context = {key.lower(): value for key, value in keys.items()}
            return iam_evaluator._conditions_met(condition, context)

        for pk, expected in (("ORDER#acme#1", True), ("MERCHANT#acme", False)):
            item = {"pk": {"S": pk}, "sk": {"S": "any"}}
            query = {"KeyConditionExpression": "#pk = :pk", "ExpressionAttributeNames": {"#pk": "pk"}}
            query["ExpressionAttributeValues"] = {":pk": {"S": pk}}
            for request in ({"Key": item}, {"Item": item}, query):
                self.assertIs(allowed(request), expected, request)

    def test_what_comes_over_loopback_is_not_refused_for_want_of_tls(self):
        from ministack.core import iam_evaluator

        context = iam_evaluator.EvalContext("arn", "AssumedRole", "0", "sqs:SendMessage", "*", "us-east-1")
        refused = {"Bool": {"aws:SecureTransport": "false"}}
        self.assertTrue(iam_evaluator._conditions_met(refused, context))
        launcher.take_loopback_for_tls()
        self.assertFalse(iam_evaluator._conditions_met(refused, context))

    def test_what_functions_print_is_logged_under_their_names(self):
        import io
        import queue

        from ministack.core.lambda_runtime import ProvidedWorker

        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "functions.log")
            launcher.log_function_output(path)
            worker = ProvidedWorker.__new__(ProvidedWorker)
            worker.func_name = "sweep"
            lines = queue.Queue()
            worker._pump_output(io.BytesIO(b"one\ntwo\n"), lines)
            with open(path) as log:
                self.assertEqual(log.read(), "sweep one\nsweep two\n")
        self.assertEqual([lines.get_nowait(), lines.get_nowait()], ["one", "two"])

    def test_each_invocation_is_noted_with_its_time_and_key(self):
        from ministack.core import lambda_runtime

        def invoke(self, event, request_id):
            self._record_result(1, request_id, "response", {})
            return {"status": "ok", "cold_start": True}

        with (
            tempfile.TemporaryDirectory() as directory,
            mock.patch.object(lambda_runtime.ProvidedWorker, "invoke", invoke),
            mock.patch.object(lambda_runtime.ProvidedWorker, "_record_result", lambda *_: True),
            mock.patch.object(lambda_runtime, "execution_credentials", return_value={"AWS_ACCESS_KEY_ID": "ASIA1"}),
        ):
            path = os.path.join(directory, "invocations.log")
            launcher.log_invocations(path)
            worker = lambda_runtime.ProvidedWorker.__new__(lambda_runtime.ProvidedWorker)
            worker.func_name, worker.config = "sweep", {}
            self.assertEqual(worker.invoke({}, "r-1"), {"status": "ok", "cold_start": True})
            with open(path) as log:
                noted = json.loads(log.read())
        self.assertGreaterEqual(noted.pop("micros"), 0)
        self.assertEqual(noted, {"function": "sweep", "key": "ASIA1", "cold": True})

    def test_each_kind_of_call_of_a_role_is_noted_once_and_of_its_key_only_the_kind(self):
        from ministack.core import iam_evaluator
        from ministack.services import sts

        role = "arn:aws:sts::000000000000:assumed-role/sweep-role/sweep"
        sts.register_session("ASIA1", {"Arn": role, "UserId": "r:sweep", "SecretAccessKey": "s", "SessionToken": "t"})
        allowed, refused = None, iam_evaluator.EvalResult("ImplicitDeny")
        answers = {"dynamodb:GetItem": allowed, "dynamodb:Scan": refused, "sqs:SendMessage": allowed}
        answers["sqs:ReceiveMessage"] = iam_evaluator.AuthError("ExpiredTokenException", "too late")
        enforce = mock.Mock(side_effect=lambda _, action, *rest, **named: answers[action])
        with tempfile.TemporaryDirectory() as directory, mock.patch.object(iam_evaluator, "enforce", enforce):
            path = os.path.join(directory, "calls.log")
            launcher.log_calls(path)
            ask = iam_evaluator.enforce
            for pk in ("ORDER#acme#1", "ORDER#acme#2\n#", "MERCHANT#", "ORDER#acme#1"):
                self.assertIs(ask("ASIA1", "dynamodb:GetItem", "dynamodb", "r", "t", {"dynamodb:LeadingKeys": [pk]}), allowed)
            self.assertIs(ask("ASIA1", "dynamodb:Scan", "dynamodb", "r", "t", {}), refused)
            self.assertIs(ask("ASIA1", "sqs:SendMessage", "sqs", "r", resource_arn="q"), allowed)
            # What is no function's, or never reached a policy, is nobody's need.
            ask("ASIA1", "sqs:ReceiveMessage", "sqs", "r", resource_arn="q")
            for key in ("test", "", None):
                ask(key, "sqs:SendMessage", "sqs", "r", resource_arn="q")
            with open(path) as log:
                noted = [tuple(json.loads(line).values()) for line in log]
        calls = [("dynamodb:GetItem", "t", "ORDER#*"), ("dynamodb:GetItem", "t", "MERCHANT#*")]
        calls += [("dynamodb:Scan", "t", ""), ("sqs:SendMessage", "q", "")]
        self.assertEqual(noted, [("sweep", *call) for call in calls])


if __name__ == "__main__":
    unittest.main()
