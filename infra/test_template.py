"""What a template linter cannot know about template.yaml: spelling it lets through, and promises of our own.

Run by `cargo xtask test`. Checks the template as SAM expands it, so that what is inherited counts too.
"""

import json
import re
import unittest

from expanded import HERE, PROD, deployed, expand, function_of, of_type, source

COMMON = {"LOG_LEVEL", "ORDERS_TABLE"}
AMOUNTS = {"ORDER_AMOUNT_FIELD", "ORDER_REFUNDED_FIELD", "ORDER_AMOUNT_UNIT"}
PROVIDER = {"MERCHANT_SECRET_PREFIX", "FLEXFACTOR_SANDBOX_URL", "FLEXFACTOR_PRODUCTION_URL"} | {
    "PROVIDER_TIMEOUT_MILLIS",
    "FLEXFACTOR_TRACE_HEADER",
}
INTAKE = {"EVALUATIONS_QUEUE_URL", "DECLINE_AGE_MAX_SECONDS", "WINDOW_DAYS_MIN", "WINDOW_DAYS_MAX"} | {
    "WINDOW_DAYS_DEFAULT",
    "SUBMISSION_OVERDUE_SECONDS",
    "REJECTED_COPY_DAYS",
}
# Each function: the settings it reads.
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
class Template(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.source, cls.template = source(), deployed(PROD)
        cls.resources = cls.template["Resources"]

    def of_type(self, kind):
        return of_type(self.template, kind)

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
        (properties,) = [item for item in mappings if function_of(item["FunctionName"]) == name]
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
        conditions |= {"OutcomesBus": "HasKmsKey", "Key": "HasKmsKey", "OrderApiAuthorizer": "HasApiJwt"}
        resources = expand()["Resources"]
        for prefix in ("OutcomesSample", "OutcomesHttps"):
            of_sample = {name: item for name, item in resources.items() if name.startswith(prefix)}
            self.assertGreater(len(of_sample), 4)
            for name, resource in of_sample.items():
                self.assertEqual(resource["Condition"], conditions[prefix], name)
        for name, item in resources.items():
            if "Condition" in item:
                self.assertIn(item["Condition"], {of for prefix, of in conditions.items() if name.startswith(prefix)}, name)

    def test_every_rule_takes_our_events_from_our_bus_and_keeps_what_it_cannot_deliver(self):
        source = (HERE / "../functions/outcome-publisher/src/bus.rs").read_text()
        source = re.search(r'pub const SOURCE: &str = "([\w-]+)";', source).group(1)
        for name, rule in self.of_type("AWS::Events::Rule").items():
            properties = rule["Properties"]
            self.assertEqual(properties["EventBusName"], {"Ref": "OutcomesBus"}, name)
            self.assertEqual(properties["EventPattern"], {"source": [source]}, name)
            for target in properties["Targets"]:
                self.assertIn("DeadLetterConfig", target, name)

    def test_a_message_stays_hidden_for_six_timeouts_of_its_function(self):
        for name, mapping in self.mappings(of_queues=True).items():
            queue = mapping["Properties"]["EventSourceArn"]["Fn::GetAtt"][0]
            function = function_of(mapping["Properties"]["FunctionName"]) + "Function"
            hidden, timeout = self.properties(queue)["VisibilityTimeout"], self.properties(function)["Timeout"]
            self.assertGreaterEqual(hidden, 6 * timeout, name)

    def test_every_queue_keeps_messages_for_14_days(self):
        for name, queue in self.of_type("AWS::SQS::Queue").items():
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
        for name, bus in self.of_type("AWS::Events::EventBus").items():
            targets[name] = bus["Properties"]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]
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
        # The longest look cancels, and asks for the list, the order and its outcome.
        look_seconds = 4 * 1.5 * wait_millis / 1000 + 12
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

    def test_a_submission_s_message_ends_with_its_last_delivery(self):
        settings = (HERE / "../functions/evaluate-submission/src/settings.rs").read_text()
        deliveries = re.search(r"DELIVERIES_MAX: u32 = (\d+);", settings)
        redrive = self.properties("EvaluationsQueue")["RedrivePolicy"]
        self.assertEqual(int(deliveries.group(1)), redrive["maxReceiveCount"])

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
        tokens = deployed({"ApiJwtIssuer": "https://issuer.example.com", "ApiJwtAudience": "orders"})
        for template, kind, word in ((self.template, "AWS_IAM", "iam"), (tokens, "JWT", "jwt")):
            routes = [r["Properties"] for r in of_type(template, "AWS::ApiGatewayV2::Route").values()]
            ours = [route for route in routes if route["ApiId"] == {"Ref": "OrderApi"}]
            self.assertEqual(len(ours), 2)
            for route in ours:
                self.assertEqual(route["AuthorizationType"], kind)
                self.assertEqual("AuthorizerId" in route, kind == "JWT")
            # The function compares the claim exactly where a token is what callers are authorized by.
            variables = template["Resources"]["OrderApiFunction"]["Properties"]["Environment"]["Variables"]
            self.assertEqual(variables["AUTHORIZATION"], word)

    def test_functions_run_natively_on_the_chosen_architecture(self):
        for name, function in self.of_type("AWS::Lambda::Function").items():
            properties = function["Properties"]
            self.assertEqual(properties["Runtime"], "provided.al2023", name)
            self.assertEqual(properties["Handler"], "bootstrap", name)
            self.assertEqual(properties["Architectures"], [{"Ref": "Architecture"}], name)
            self.assertEqual(self.source["Resources"][name]["Metadata"], {"BuildMethod": "rust-cargolambda"}, name)

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

    def test_no_alias_of_yaml_is_used(self):
        # CloudFormation's own parser knows none.
        self.assertNotRegex((HERE / "template.yaml").read_text(), r"(?m)(: |- )[&*][a-z]")


if __name__ == "__main__":
    unittest.main()
