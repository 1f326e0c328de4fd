"""Starts MiniStack on loopback, with seven corrections of version 1.5.33 (docs/local-stack.md says why each is needed).

Environment: GATEWAY_PORT, FUNCTIONS_LOG (file that the functions' output is appended to), INVOCATIONS_LOG (file that each
invocation is noted in), CALLS_LOG (file that each kind of call of the functions is noted in; none where it is not set),
END_WITH_PARENT (1: see below), FUNCTIONS_ENDPOINT (where functions find AWS, if not here: a proxy in between).
"""

import json
import os
import re
import signal
import socketserver
import threading
import time

os.environ["BIND_HOST"] = "127.0.0.1"
# Functions inherit the server's environment; without this they would look for AWS itself.
os.environ["AWS_ENDPOINT_URL"] = os.environ.get("FUNCTIONS_ENDPOINT") or f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}"
# MiniStack keeps unpacked functions and its pid file below TMPDIR, so that two stacks never share any.
os.makedirs(os.environ.setdefault("TMPDIR", "/tmp"), exist_ok=True)

SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
# Of the orders table (infra/template.yaml).
PARTITION_KEY = "pk"


def answer_without_delay():
    """The Lambda runtime API leaves Nagle's algorithm on, which stalls keep-alive clients for 40 ms a poll."""
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True


def log_function_output(path):
    """Appends every line a function prints to `path`, as it is printed and under the function's name."""
    from ministack.core.lambda_runtime import ProvidedWorker

    log, lock, pump = open(path, "ab"), threading.Lock(), ProvidedWorker._pump_output

    class Tee:
        def __init__(self, stream, name):
            self.stream, self.name, self.close = stream, name.encode(), stream.close

        def readline(self):
            line = self.stream.readline()
            if line:
                with lock:
                    log.write(self.name + b" " + line.rstrip(b"\n") + b"\n")
                    log.flush()
            return line

    def pump_output(self, stream, log_queue):
        pump(self, Tee(stream, self.func_name), log_queue)

    ProvidedWorker._pump_output = pump_output


def log_invocations(path):
    """Appends a line of JSON for each invocation: the function, the key it signs with, how long it took, whether it was started.

    The time is Lambda's: from the event's hand-over to the function's answer. MiniStack's own, in its REPORT lines, is in whole
    milliseconds and holds the wait for the log, too."""
    from ministack.core.lambda_runtime import ProvidedWorker, execution_credentials

    log, lock = open(path, "a"), threading.Lock()
    invoke, record = ProvidedWorker.invoke, ProvidedWorker._record_result

    def record_result(self, *rest, **named):
        self.answered_at = time.monotonic()
        return record(self, *rest, **named)

    def invoke_and_note(self, *rest, **named):
        began = self.answered_at = time.monotonic()
        result = invoke(self, *rest, **named)
        line = {
            "function": self.func_name,
            "key": execution_credentials(self.config)["AWS_ACCESS_KEY_ID"],
            "micros": int((self.answered_at - began) * 1_000_000),
            "cold": bool(result.get("cold_start")),
        }
        with lock:
            log.write(json.dumps(line) + "\n")
            log.flush()
        return result

    ProvidedWorker._record_result, ProvidedWorker.invoke = record_result, invoke_and_note


def log_calls(path):
    """Appends a line of JSON for each kind of call that functions make: the function, the action and resource that its role is
    asked for, and of the table's items the kind of partition. Once each, whether it is allowed or not, and of a key no more than
    its kind: `ORDER#*`."""
    from ministack.core import iam_evaluator

    log, lock, noted, enforce = open(path, "a"), threading.Lock(), set(), iam_evaluator.enforce

    def enforce_and_note(key_id, action, service, region, resource_arn="*", service_context=None):
        result = enforce(key_id, action, service, region, resource_arn=resource_arn, service_context=service_context)
        who = iam_evaluator.resolve_credential(key_id or "")
        # Not what is refused before any policy is asked, and not what the account itself calls.
        if isinstance(result, iam_evaluator.AuthError) or getattr(who, "principal_type", "") != "AssumedRole":
            return result
        for key in (service_context or {}).get("dynamodb:LeadingKeys", [""]):
            call = (who.principal_arn.rsplit("/", 1)[1], action, resource_arn, key and key.partition("#")[0] + "#*")
            with lock:
                if call not in noted:
                    noted.add(call)
                    log.write(json.dumps(dict(zip(("function", "action", "resource", "partition"), call))) + "\n")
                    log.flush()
        return result

    iam_evaluator.enforce = enforce_and_note


def substitute_scheduled_time():
    """EventBridge Scheduler replaces its context attributes in a target's input; MiniStack hands them on as they are."""
    from ministack.services import eventbridge

    invoke = eventbridge._invoke_target

    def invoke_target(target, event, *rest, **named):
        if event.get("Source") == "aws.scheduler" and SCHEDULED_TIME in (target.get("Input") or ""):
            due = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event["Time"]))
            target = {**target, "Input": target["Input"].replace(SCHEDULED_TIME, due)}
        return invoke(target, event, *rest, **named)

    eventbridge._invoke_target = invoke_target


def read_concurrency_as_number():
    """A mapping's MaximumConcurrency that comes from a template's Number parameter arrives as text; AWS converts it."""
    from ministack.services import lambda_svc

    limit = lambda_svc._sqs_esm_concurrency

    def concurrency(esm, *rest, **named):
        scaling = esm.get("ScalingConfig") or {}
        if isinstance(scaling.get("MaximumConcurrency"), str):
            esm["ScalingConfig"] = {**scaling, "MaximumConcurrency": int(scaling["MaximumConcurrency"])}
        return limit(esm, *rest, **named)

    lambda_svc._sqs_esm_concurrency = concurrency


def authorize_batches_as_single_calls():
    """SQS knows no permissions for its batch calls: they need the one of the single call (SendMessageBatch: SendMessage)."""
    from ministack.core import iam_actions

    action_of = iam_actions._action_from_target

    def action_from_target(headers):
        action = action_of(headers)
        is_sqs = headers.get("x-amz-target", "").startswith("AmazonSQS.")
        return action.removesuffix("Batch") if is_sqs and action else action

    iam_actions._action_from_target = action_from_target


def tell_leading_keys():
    """DynamoDB tells policies the partition key of what is asked for; without it a condition on it holds for every item."""
    from ministack.core import iam_actions

    context_of = iam_actions.dynamodb_service_context

    def service_context(body):
        request, context = json.loads(body or b"{}"), context_of(body)
        key = (request.get("Key") or request.get("Item") or {}).get(PARTITION_KEY)
        asked = re.search(r"(#?\w+) = (:\w+)", request.get("KeyConditionExpression") or "")
        if asked and (request.get("ExpressionAttributeNames") or {}).get(asked[1], asked[1]) == PARTITION_KEY:
            key = request["ExpressionAttributeValues"][asked[2]]
        return {**context, "dynamodb:LeadingKeys": list(key.values())} if key else context

    iam_actions.dynamodb_service_context = service_context


def take_loopback_for_tls():
    """Nothing leaves the machine, so there is no TLS; a policy that refuses whatever comes without it would refuse all."""
    from ministack.core import iam_evaluator

    resolve = iam_evaluator._resolve_condition_key

    def resolve_condition_key(key, context):
        return "true" if key.lower() == "aws:securetransport" else resolve(key, context)

    iam_evaluator._resolve_condition_key = resolve_condition_key


def end_with_parent():
    """Ends the server and its functions when whoever started it is gone: standard input then reaches its end."""

    def wait():
        while os.read(0, 1024):
            pass
        os.killpg(os.getpid(), signal.SIGKILL)

    if os.getpgrp() == os.getpid():
        threading.Thread(target=wait, daemon=True).start()


def main():
    answer_without_delay()
    log_function_output(os.environ["FUNCTIONS_LOG"])
    log_invocations(os.environ["INVOCATIONS_LOG"])
    if "CALLS_LOG" in os.environ:
        log_calls(os.environ["CALLS_LOG"])
    substitute_scheduled_time()
    read_concurrency_as_number()
    authorize_batches_as_single_calls()
    tell_leading_keys()
    take_loopback_for_tls()
    if os.environ.get("END_WITH_PARENT") == "1":
        end_with_parent()
    from ministack.app import main as serve

    serve()


if __name__ == "__main__":
    main()
