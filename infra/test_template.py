"""What a template linter cannot know about template.yaml: spelling it lets through, and promises of our own.

Run by `cargo xtask test`. Checks the template as SAM expands it, so that what is inherited counts too.
"""

import json
import os
import pathlib
import re
import unittest

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

HERE = pathlib.Path(__file__).parent
COMMON = {"LOG_LEVEL", "ORDERS_TABLE"}
AMOUNTS = {"ORDER_AMOUNT_FIELD", "ORDER_REFUNDED_FIELD", "ORDER_AMOUNT_UNIT"}
PROVIDER = {"MERCHANT_SECRET_PREFIX", "FLEXFACTOR_SANDBOX_URL", "FLEXFACTOR_PRODUCTION_URL", "PROVIDER_TIMEOUT_MILLIS"}
INTAKE = {"EVALUATIONS_QUEUE_URL", "DECLINE_AGE_MAX_SECONDS", "WINDOW_DAYS_MIN", "WINDOW_DAYS_MAX"} | {
    "WINDOW_DAYS_DEFAULT",
    "SUBMISSION_OVERDUE_SECONDS",
    "REJECTED_COPY_DAYS",
}
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
STREAM = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"}
CONSUME = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}

# Each function: the settings it reads, and all its role may do.
SETTINGS = {
    "DeclineIntake": COMMON | INTAKE,
    "OrderApi": COMMON
    | INTAKE
    | PROVIDER
    | AMOUNTS
    | {"AUTHORIZATION", "JWT_MERCHANT_CLAIM", "RECONCILIATIONS_QUEUE_URL", "REPEATED_REFUND"},
    "EvaluateSubmission": COMMON
    | PROVIDER
    | {"EVALUATIONS_QUEUE_URL", "SUBMISSION_RETRY_SECONDS", "SUBMISSION_OVERDUE_SECONDS", "REPLAY_WINDOW_SECONDS"}
    | {"EXPIRY_GRACE_SECONDS", "WEBHOOK_CYCLE_SECONDS"},
    "WebhookReceiver": COMMON
    | {"MERCHANT_SECRET_PREFIX", "WEBHOOK_HOST", "WEBHOOK_DATE_WINDOW_SECONDS", "PARKED_COPY_DAYS"},
    "ExpirySweep": COMMON | {"RECONCILIATIONS_QUEUE_URL", "SWEEP_ORDERS_MAX", "SWEEP_AHEAD_SECONDS_MAX"},
    "OrderReconcile": COMMON
    | PROVIDER
    | {"EVALUATIONS_QUEUE_URL", "REPLAY_WINDOW_SECONDS", "WEBHOOK_CYCLE_SECONDS"}
    | {"EXPIRY_GRACE_SECONDS", "CANCELLED_PAST_EXPIRY", "ORDER_LIST_ARRAY", "ORDER_REFERENCE_FIELD"}
    | AMOUNTS,
    "OrderHistory": COMMON,
    "OutcomePublisher": COMMON | {"OUTCOMES_BUS"},
    "TransmitRelay": COMMON
    | PROVIDER
    | {"TRANSMISSIONS_QUEUE_URL", "TRANSMISSION_AGE_MAX_SECONDS", "TRANSMISSION_RETRY_SECONDS"}
    | {"TRANSMISSION_COPY_DAYS", "REJECTED_COPY_DAYS"},
}
ACTIONS = {
    "OrderApi": LOGS
    | {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query"}
    | {"sqs:SendMessage", "secretsmanager:GetSecretValue"},
    "DeclineIntake": CONSUME | LOGS | {"dynamodb:PutItem", "dynamodb:GetItem", "sqs:SendMessage"},
    "EvaluateSubmission": CONSUME
    | LOGS
    | {"dynamodb:UpdateItem", "dynamodb:GetItem", "sqs:ChangeMessageVisibility", "secretsmanager:GetSecretValue"},
    "WebhookReceiver": LOGS
    | {"dynamodb:UpdateItem", "dynamodb:PutItem", "dynamodb:GetItem", "secretsmanager:GetSecretValue"},
    "ExpirySweep": LOGS | {"dynamodb:Query", "sqs:SendMessage"},
    "OrderReconcile": CONSUME
    | LOGS
    | {"dynamodb:UpdateItem", "dynamodb:GetItem", "sqs:SendMessage", "secretsmanager:GetSecretValue"},
    "OrderHistory": STREAM | LOGS | {"dynamodb:PutItem", "dynamodb:GetItem", "sqs:SendMessage"},
    "OutcomePublisher": STREAM | LOGS | {"events:PutEvents", "sqs:SendMessage"},
    "TransmitRelay": CONSUME
    | LOGS
    | {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:GetItem"}
    | {"sqs:ChangeMessageVisibility", "secretsmanager:GetSecretValue"},
}


def load():
    template = yaml_parse((HERE / "template.yaml").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": "any", "Key": "any"}
    return template, transform(template, {}, ManagedPolicyLoader(None))


def listed(value):
    return value if isinstance(value, list) else [value]


def statements(role):
    for policy in role["Properties"]["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


class Template(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.source, cls.template = load()
        cls.resources = cls.template["Resources"]

    def of_type(self, kind):
        return {name: item for name, item in self.resources.items() if item["Type"] == kind}

    def mappings(self, of_queues):
        """The event source mappings of queues, or those of streams."""
        mappings = self.of_type("AWS::Lambda::EventSourceMapping")
        queues = self.of_type("AWS::SQS::Queue")
        source = lambda mapping: mapping["Properties"]["EventSourceArn"]["Fn::GetAtt"][0]
        return {name: mapping for name, mapping in mappings.items() if (source(mapping) in queues) == of_queues}

    def properties(self, name):
        return self.resources[name]["Properties"]

    def test_every_function_gets_exactly_its_settings(self):
        for name, expected in SETTINGS.items():
            variables = self.properties(f"{name}Function")["Environment"]["Variables"]
            self.assertEqual(set(variables), expected, name)

    def test_every_function_is_covered_by_these_tests(self):
        functions = {name.removesuffix("Function") for name in self.of_type("AWS::Lambda::Function")}
        self.assertEqual(functions, set(SETTINGS))

    def test_every_role_may_do_exactly_what_its_function_does(self):
        for name, expected in ACTIONS.items():
            actions = [a for s in statements(self.resources[f"{name}Role"]) for a in listed(s["Action"])]
            self.assertEqual(set(actions), expected, name)
            self.assertEqual(self.properties(f"{name}Function")["Role"], {"Fn::GetAtt": [f"{name}Role", "Arn"]})

    def test_no_role_has_a_wildcard(self):
        for name, role in self.of_type("AWS::IAM::Role").items():
            self.assertNotIn("ManagedPolicyArns", role["Properties"], name)
            for statement in statements(role):
                for text in map(str, listed(statement["Action"]) + listed(statement["Resource"])):
                    # A secret's ARN ends in characters only AWS knows: there, and only there, a prefix is the least.
                    if re.search(r":secret:rebill-rescue/\$\{Stage\}/merchants/\*'\}$", text):
                        continue
                    self.assertNotIn("*", text, name)

    def test_every_queue_mapping_reports_single_failures(self):
        mappings = self.mappings(of_queues=True)
        self.assertEqual(len(mappings), 4)
        for name, mapping in mappings.items():
            properties = mapping["Properties"]
            self.assertEqual(properties["FunctionResponseTypes"], ["ReportBatchItemFailures"], name)
            self.assertIn("MaximumConcurrency", properties["ScalingConfig"], name)

    def stream_mapping(self, name):
        """The mapping through which a function reads the table's stream, with what holds for each of them checked."""
        mappings = [item["Properties"] for item in self.mappings(of_queues=False).values()]
        (properties,) = [item for item in mappings if item["FunctionName"] == {"Ref": f"{name}Function"}]
        self.assertEqual(properties["EventSourceArn"], {"Fn::GetAtt": ["OrdersTable", "StreamArn"]})
        self.assertEqual(properties["StartingPosition"], "TRIM_HORIZON")
        self.assertEqual(properties["FunctionResponseTypes"], ["ReportBatchItemFailures"])
        self.assertIs(properties["BisectBatchOnFunctionError"], True)
        self.assertGreater(properties["MaximumRetryAttempts"], 0)
        self.assertLess(properties["MaximumRecordAgeInSeconds"], 24 * 3600)
        stream = self.resources["OrdersTable"]["Properties"]["StreamSpecification"]
        self.assertEqual(stream, {"StreamViewType": "NEW_AND_OLD_IMAGES"})
        return properties

    def filters(self, name):
        return [json.loads(item["Pattern"]) for item in self.stream_mapping(name)["FilterCriteria"]["Filters"]]

    def order_filter(self):
        # The sort key of orders, as the store writes it.
        keys = (HERE / "../shared/order-store/src/dynamo/key.rs").read_text()
        order = re.search(r'pub const ORDER: &str = "(\w+)";', keys).group(1)
        return {"dynamodb": {"Keys": {"sk": {"S": [order]}}}}

    def test_histories_are_written_from_every_change_of_an_order_and_what_is_passed_over_is_told(self):
        self.assertEqual(self.filters("OrderHistory"), [self.order_filter()])

    def test_outcomes_are_published_from_every_change_of_an_order_and_every_decline_that_is_parked(self):
        keys = (HERE / "../shared/order-store/src/dynamo/key.rs").read_text()
        prefix = re.search(r'pub const PARKED: &str = "([^"]+)";', keys).group(1)
        # The words of the kinds that are told, as the store writes them.
        kinds = (HERE / "../shared/models/src/parked.rs").read_text()
        told = [re.search(rf'Self::{kind} => "(\w+)"', kinds).group(1) for kind in ("Refused", "Conflict")]
        parked = {
            "eventName": ["INSERT"],
            "dynamodb": {"Keys": {"pk": {"S": [{"prefix": prefix}]}}, "NewImage": {"kind": {"S": told}}},
        }
        self.assertEqual(self.filters("OutcomePublisher"), [self.order_filter(), parked])

    def test_the_stream_has_no_more_readers_than_dynamodb_allows(self):
        self.assertLessEqual(len(self.mappings(of_queues=False)), 2)

    def test_samples_of_consumers_are_made_only_when_asked_for(self):
        for parameter, default in (("OutcomesQueueSample", "false"), ("OutcomesHttpsUrl", "")):
            self.assertEqual(self.source["Parameters"][parameter]["Default"], default)
        conditions = {"OutcomesSample": "HasOutcomesQueueSample", "OutcomesHttps": "HasOutcomesHttps"}
        for prefix, condition in conditions.items():
            of_sample = {name: item for name, item in self.resources.items() if name.startswith(prefix)}
            self.assertGreater(len(of_sample), 4)
            for name, resource in of_sample.items():
                self.assertEqual(resource["Condition"], condition, name)
        on_condition = {name for name, item in self.resources.items() if "Condition" in item} - {"OrderApiAuthorizer"}
        self.assertTrue(all(name.startswith(tuple(conditions)) for name in on_condition), on_condition)

    def test_every_rule_takes_our_events_from_our_bus_and_keeps_what_it_cannot_deliver(self):
        source = (HERE / "../functions/outcome-publisher/src/bus.rs").read_text()
        source = re.search(r'pub const SOURCE: &str = "([\w-]+)";', source).group(1)
        for name, rule in self.of_type("AWS::Events::Rule").items():
            properties = rule["Properties"]
            self.assertEqual(properties["EventBusName"], {"Ref": "OutcomesBus"}, name)
            self.assertEqual(properties["EventPattern"], {"source": [source]}, name)
            for target in properties["Targets"]:
                self.assertIn("DeadLetterConfig", target, name)

    def test_only_the_rules_that_lead_there_may_send_to_a_queue_of_a_sample(self):
        rules = self.of_type("AWS::Events::Rule")
        allowed = {}
        for policy in self.of_type("AWS::SQS::QueuePolicy").values():
            (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
            self.assertEqual(statement["Principal"], {"Service": "events.amazonaws.com"})
            self.assertEqual(statement["Action"], "sqs:SendMessage")
            rule = statement["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::GetAtt"][0]
            queues = [arn["Fn::GetAtt"][0] for arn in listed(statement["Resource"])]
            self.assertEqual(policy["Properties"]["Queues"], [{"Ref": queue} for queue in queues])
            allowed[rule] = set(queues)
        queues = self.of_type("AWS::SQS::Queue")
        for name, rule in rules.items():
            arns = [arn for target in rule["Properties"]["Targets"] for arn in (target["Arn"], target["DeadLetterConfig"]["Arn"])]
            named = {arn["Fn::GetAtt"][0] for arn in arns}
            self.assertEqual(allowed[name], named & set(queues), name)

    def test_a_message_stays_hidden_for_six_timeouts_of_its_function(self):
        for name, mapping in self.mappings(of_queues=True).items():
            queue = mapping["Properties"]["EventSourceArn"]["Fn::GetAtt"][0]
            function = mapping["Properties"]["FunctionName"]["Ref"]
            hidden, timeout = self.properties(queue)["VisibilityTimeout"], self.properties(function)["Timeout"]
            self.assertGreaterEqual(hidden, 6 * timeout, name)

    def test_every_queue_is_encrypted_and_keeps_messages_for_14_days(self):
        for name, queue in self.of_type("AWS::SQS::Queue").items():
            self.assertIs(queue["Properties"]["SqsManagedSseEnabled"], True, name)
            # What is due is in the index; messages about it only pile up while nobody takes them.
            keep = 7200 if name == "ReconciliationsQueue" else 14 * 24 * 3600
            self.assertEqual(queue["Properties"]["MessageRetentionPeriod"], keep, name)

    def test_every_source_has_dead_letters_and_every_dead_letter_queue_a_source_and_an_alarm(self):
        queues = self.of_type("AWS::SQS::Queue")
        dead = {name for name in queues if name.endswith("Dlq")}
        targets = {}
        for name in set(queues) - dead:
            redrive = queues[name]["Properties"]["RedrivePolicy"]
            receives = redrive["maxReceiveCount"]
            self.assertGreaterEqual(receives, 2 if name == "ReconciliationsQueue" else 5, name)
            # A message must not be too old for its queue before it has been received that often.
            hidden, keep = (queues[name]["Properties"][key] for key in ("VisibilityTimeout", "MessageRetentionPeriod"))
            self.assertLess((receives + 1) * hidden, keep, name)
            targets[name] = redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for name, schedule in self.of_type("AWS::Scheduler::Schedule").items():
            targets[name] = schedule["Properties"]["Target"]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]
        for name, mapping in self.mappings(of_queues=False).items():
            targets[name] = mapping["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
        for name, rule in self.of_type("AWS::Events::Rule").items():
            for target in rule["Properties"]["Targets"]:
                targets[name, target["Id"]] = target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]
        self.assertEqual(set(targets.values()), dead)
        watched = {
            dimension["Value"]["Fn::GetAtt"][0]
            for alarm in self.of_type("AWS::CloudWatch::Alarm").values()
            if alarm["Properties"]["MetricName"] == "ApproximateNumberOfMessagesVisible"
            for dimension in alarm["Properties"]["Dimensions"]
        }
        self.assertEqual(watched, dead)

    def test_a_function_outlasts_its_wait_for_flexfactor(self):
        wait_millis = self.source["Parameters"]["ProviderTimeoutMillis"]["MaxValue"]
        # A call with all that belongs to it takes at most one and a half waits (flexfactor's ClientConfig::call_time), and
        # the four calls to AWS around it three seconds each (lambda-kit's aws.rs).
        call_seconds = 1.5 * wait_millis / 1000 + 12
        evaluate = self.properties("EvaluateSubmissionFunction")["Timeout"]
        self.assertLess(call_seconds, evaluate)
        # Here a sixth call to AWS: configuration, secret, three writes, and the message's visibility.
        self.assertLess(1.5 * wait_millis / 1000 + 18, self.properties("TransmitRelayFunction")["Timeout"])
        # The longest look asks for the list, the order and its outcome.
        look_seconds = 3 * 1.5 * wait_millis / 1000 + 12
        self.assertLess(look_seconds, self.properties("OrderReconcileFunction")["Timeout"])
        # A refund asks for the order and makes one call; then the store is written to twice. API Gateway waits for 30 s.
        wait_millis = self.source["Parameters"]["ApiProviderTimeoutMillis"]["MaxValue"]
        refund_seconds = 2 * 1.5 * wait_millis / 1000 + 9
        api = self.properties("OrderApiFunction")["Timeout"]
        self.assertLess(refund_seconds, api)
        self.assertLess(api * 1000, self.properties("OrderApiIntegration")["TimeoutInMillis"])
        # A claim outlives the function that holds it.
        settings = (HERE / "../functions/evaluate-submission/src/settings.rs").read_text()
        lease = re.search(r"CLAIM_LEASE: SignedDuration = SignedDuration::from_secs\((\d+)\)", settings)
        self.assertGreater(int(lease.group(1)), evaluate)

    def test_a_transmission_is_parked_for_its_age_before_it_has_failed_on_every_delivery(self):
        parameters = self.source["Parameters"]
        *first, last = map(int, parameters["TransmissionRetrySeconds"]["Default"].split(","))
        deliveries = 1 + len(first) + (parameters["TransmissionAgeMaxSeconds"]["MaxValue"] - sum(first)) / last
        redrive = self.properties("TransmissionsQueue")["RedrivePolicy"]
        # Twice that: the store may be out of reach as well.
        self.assertGreater(redrive["maxReceiveCount"], 2 * deliveries)

    def test_every_function_logs_to_a_group_with_a_limit(self):
        groups = self.of_type("AWS::Logs::LogGroup")
        for group in groups.values():
            self.assertEqual(group["Properties"]["RetentionInDays"], {"Ref": "LogRetentionDays"})
        for name, function in self.of_type("AWS::Lambda::Function").items():
            self.assertIn(function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"], groups, name)

    def test_nobody_calls_order_api_without_authorization(self):
        routes = [r["Properties"] for r in self.of_type("AWS::ApiGatewayV2::Route").values()]
        ours = [route for route in routes if route["ApiId"] == {"Ref": "OrderApi"}]
        self.assertEqual(len(ours), 1)
        for route in ours:
            self.assertEqual(route["AuthorizationType"], {"Fn::If": ["HasApiJwt", "JWT", "AWS_IAM"]})
        # The function compares the claim exactly where a token is what callers are authorized by.
        variables = self.properties("OrderApiFunction")["Environment"]["Variables"]
        self.assertEqual(variables["AUTHORIZATION"], {"Fn::If": ["HasApiJwt", "jwt", "iam"]})

    def test_functions_run_natively_on_the_chosen_architecture(self):
        for name, function in self.of_type("AWS::Lambda::Function").items():
            properties = function["Properties"]
            self.assertEqual(properties["Runtime"], "provided.al2023", name)
            self.assertEqual(properties["Handler"], "bootstrap", name)
            self.assertEqual(properties["Architectures"], [{"Ref": "Architecture"}], name)
            self.assertEqual(self.source["Resources"][name]["Metadata"], {"BuildMethod": "rust-cargolambda"}, name)

    def test_the_table_is_kept_and_recoverable(self):
        table = self.resources["OrdersTable"]
        self.assertEqual((table["DeletionPolicy"], table["UpdateReplacePolicy"]), ("Retain", "Retain"))
        self.assertIs(table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], True)
        self.assertEqual(table["Properties"]["TimeToLiveSpecification"], {"AttributeName": "ttl", "Enabled": True})

    def test_the_sweep_is_told_the_scheduled_time(self):
        (schedule,) = self.of_type("AWS::Scheduler::Schedule").values()
        expected = '{"scheduled_at":"<aws.scheduler.scheduled-time>"}'
        self.assertEqual(schedule["Properties"]["Target"]["Input"], expected)

    def test_rates_are_spelled_as_the_scheduler_wants_them(self):
        pattern = self.source["Parameters"]["SweepSchedule"]["AllowedPattern"]
        for rate in ("rate(1 minute)", "rate(5 minutes)", "cron(0/5 * * * ? *)"):
            self.assertRegex(rate, pattern)
        for rate in ("rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "every minute"):
            self.assertNotRegex(rate, pattern)

    def test_every_parameter_is_described_and_used(self):
        source = (HERE / "template.yaml").read_text()
        for name, parameter in self.source["Parameters"].items():
            self.assertIn("Description", parameter, name)
            self.assertRegex(source, rf"(!Ref |\$\{{){name}\b", name)

    def test_alarms_on_our_own_metrics_name_what_the_functions_write(self):
        metrics = {"ParkedEvents", "UnknownProviderValues", "EscalatedOrders", "ForgedWebhooks", "FailedLooks"}
        metrics |= {"BrokenHistories", "FailedOutcomes"}
        metrics |= {"UndeliveredTransmissions"}
        telemetry = (HERE / "../shared/lambda-kit/src/telemetry.rs").read_text()
        for metric in metrics:
            self.assertIn(f'"{metric}"', telemetry)
        functions = set(self.of_type("AWS::Lambda::Function"))
        alarms = [a["Properties"] for a in self.of_type("AWS::CloudWatch::Alarm").values()]
        ours = [alarm for alarm in alarms if alarm["Namespace"] == "RebillRescue"]
        self.assertEqual({alarm["MetricName"] for alarm in ours}, metrics)
        for alarm in ours:
            (dimension,) = alarm["Dimensions"]
            self.assertEqual(dimension["Name"], "function")
            self.assertIn(dimension["Value"]["Ref"], functions)

    def test_no_alias_of_yaml_is_used(self):
        # CloudFormation's own parser knows none.
        self.assertNotRegex((HERE / "template.yaml").read_text(), r"(?m)(: |- )[&*][a-z]")


if __name__ == "__main__":
    unittest.main()
