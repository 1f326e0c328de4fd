"""What a team that runs this relies on: how data is kept, what is limited, how versions move, what is told and shown.

Run by `cargo xtask test`.
"""

import json
import re
import unittest

from expanded import DEV, HERE, PROD, deployed, expand, function_of, listed, of_type, source

TELEMETRY = (HERE / "../shared/lambda-kit/src/telemetry.rs").read_text()
OUR_METRICS = set(re.findall(r'"([A-Z][a-z]+[A-Z]\w+)"', TELEMETRY)) - {"RebillRescue"}
# What the scheduled `rescue balance --metric` calls itself, which is no function.
BALANCE = "StackName-rescue-balance"
# AWS's metrics that are used here, each with the one dimension it is looked up by.
AWS_METRICS = {
    "AWS/SQS": ("QueueName", {"NumberOfMessagesSent", "ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"}),
    "AWS/Lambda": ("FunctionName", {"Errors", "Invocations", "Duration", "Throttles", "IteratorAge"}),
    # An HTTP API's: a REST API's are spelled otherwise.
    "AWS/ApiGateway": ("ApiId", {"Count", "4xx", "5xx", "Latency"}),
    "AWS/DynamoDB": ("TableName", {"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"}),
    "AWS/Logs": ("LogGroupName", {"IncomingBytes"}),
}
# A metric that is absent means these things; everything else is silent while nothing happens.
SILENCE_IS_TROUBLE = {"SweepSilentAlarm"}


def page_of(alarm):
    """The runbook's page of an alarm, by its logical id."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", alarm.removesuffix("Alarm")).lower()


def watched(value):
    """What an alarm's dimension names, as the dashboard names it."""
    if "Fn::Sub" in value:
        return re.sub(r"\$\{(?:AWS::)?(\w+)\}", r"\1", value["Fn::Sub"])
    return value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]


class Case(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.source, cls.dev, cls.prod = source(), deployed(DEV), deployed(PROD)


class DataProtection(Case):
    def test_all_data_is_encrypted_with_the_given_key(self):
        resources = self.prod["Resources"].values()
        given = {"Ref": "KmsKeyArn"}
        where = {
            "AWS::DynamoDB::Table": lambda item: item["SSESpecification"]["KMSMasterKeyId"],
            "AWS::SQS::Queue": lambda item: item["KmsMasterKeyId"],
            "AWS::Events::EventBus": lambda item: item["KmsKeyIdentifier"],
            "AWS::Logs::LogGroup": lambda item: item["KmsKeyId"],
            "AWS::SecretsManager::Secret": lambda item: item["KmsKeyId"],
        }
        for kind, key_of in where.items():
            of_kind = [item["Properties"] for item in resources if item["Type"] == kind]
            self.assertTrue(of_kind, kind)
            for item in of_kind:
                self.assertEqual(key_of(item), given, kind)
                self.assertNotIn("SqsManagedSseEnabled", item)

    def test_without_a_key_all_data_is_encrypted_with_aws_s_own(self):
        for name, resource in self.dev["Resources"].items():
            self.assertNotIn("KmsKeyArn", str(resource), name)
        for name, queue in of_type(self.dev, "AWS::SQS::Queue").items():
            self.assertIs(queue["Properties"]["SqsManagedSseEnabled"], True, name)

    def test_no_queue_takes_or_gives_anything_without_tls(self):
        for template in (self.dev, self.prod):
            covered = []
            for policy in of_type(template, "AWS::SQS::QueuePolicy").values():
                denials = [s for s in policy["Properties"]["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
                queues = [queue["Ref"] for queue in policy["Properties"]["Queues"]]
                (denial,) = denials
                self.assertEqual(denial["Principal"], "*")
                self.assertEqual(denial["Action"], "sqs:*")
                self.assertEqual(denial["Condition"], {"Bool": {"aws:SecureTransport": "false"}})
                if denial["Resource"] != "*":
                    self.assertEqual([arn["Fn::GetAtt"][0] for arn in listed(denial["Resource"])], queues)
                covered += queues
            self.assertEqual(sorted(covered), sorted(of_type(template, "AWS::SQS::Queue")))

    def test_a_service_may_send_to_the_queues_it_was_told_of_and_from_there_alone(self):
        queues = of_type(self.prod, "AWS::SQS::Queue")
        allowed = {}
        for policy in of_type(self.prod, "AWS::SQS::QueuePolicy").values():
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                if statement["Effect"] == "Deny":
                    continue
                self.assertEqual(statement["Principal"], {"Service": "events.amazonaws.com"})
                self.assertEqual(statement["Action"], "sqs:SendMessage")
                sender = statement["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::GetAtt"][0]
                allowed[sender] = {arn["Fn::GetAtt"][0] for arn in listed(statement["Resource"])}
        for name, rule in of_type(self.prod, "AWS::Events::Rule").items():
            targets = rule["Properties"]["Targets"]
            arns = [arn for target in targets for arn in (target["Arn"], target["DeadLetterConfig"]["Arn"])]
            self.assertEqual(allowed.pop(name), {arn["Fn::GetAtt"][0] for arn in arns} & set(queues), name)
        self.assertEqual(allowed, {"OutcomesBus": {"OutcomesBusDlq"}})

    def test_the_table_is_kept_and_recoverable_and_in_prod_can_t_be_deleted(self):
        for template, protection in ((self.dev, "false"), (self.prod, "true")):
            table = template["Resources"]["OrdersTable"]
            self.assertEqual((table["DeletionPolicy"], table["UpdateReplacePolicy"]), ("Retain", "Retain"))
            properties = table["Properties"]
            backup = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": {"Ref": "BackupDays"}}
            self.assertEqual(properties["PointInTimeRecoverySpecification"], backup)
            self.assertEqual(properties["TimeToLiveSpecification"], {"AttributeName": "ttl", "Enabled": True})
            self.assertEqual(properties["DeletionProtectionEnabled"], protection)


class Limits(Case):
    def test_every_route_has_a_limit_of_its_own(self):
        made = [route["Properties"] for route in of_type(self.prod, "AWS::ApiGatewayV2::Route").values()]
        routes = {(route["ApiId"]["Ref"], route["RouteKey"]) for route in made}
        limited, parameters = set(), []
        for stage in of_type(self.prod, "AWS::ApiGatewayV2::Stage").values():
            for route, settings in stage["Properties"]["RouteSettings"].items():
                limited.add((stage["Properties"]["ApiId"]["Ref"], route))
                parameters += [settings["ThrottlingRateLimit"]["Ref"], settings["ThrottlingBurstLimit"]["Ref"]]
            # API Gateway refuses settings of a route that is not there yet.
            made = {self.prod["Resources"][name]["Properties"]["RouteKey"] for name in listed(stage["DependsOn"])}
            self.assertEqual(made, set(stage["Properties"]["RouteSettings"]))
        self.assertEqual(limited, routes)
        self.assertEqual(len(set(parameters)), 2 * len(routes))

    def test_every_mapping_has_a_limit_on_its_batches_and_of_queues_on_instances(self):
        for name, mapping in of_type(self.prod, "AWS::Lambda::EventSourceMapping").items():
            batch = self.source["Parameters"][mapping["Properties"]["BatchSize"]["Ref"]]
            is_queue = "ScalingConfig" in mapping["Properties"]
            # Above ten, SQS wants a window in which a batch is collected.
            self.assertEqual(batch["MaxValue"], 10 if is_queue else 1000, name)
            if is_queue:
                instances = self.source["Parameters"][mapping["Properties"]["ScalingConfig"]["MaximumConcurrency"]["Ref"]]
                self.assertEqual(instances["MinValue"], 2, name)

    def test_instances_are_set_aside_only_when_asked_for(self):
        wanted = {"OrderApi": "OrderApiConcurrencyReserved", "WebhookReceiver": "WebhookConcurrencyReserved"}
        for name, function in of_type(self.prod, "AWS::Lambda::Function").items():
            parameter = wanted.get(name.removesuffix("Function"))
            expected = {"Ref": parameter} if parameter else None
            self.assertEqual(function["Properties"].get("ReservedConcurrentExecutions"), expected, name)
            self.assertNotIn("ReservedConcurrentExecutions", self.dev["Resources"][name]["Properties"])

    def test_every_parameter_is_explained_to_who_operates(self):
        page = (HERE / "../docs/operations.md").read_text()
        for name, parameter in self.source["Parameters"].items():
            row = re.search(rf"(?m)^\| `{name}` \| (.+?) \| (.+) \|$", page)
            self.assertIsNotNone(row, f"{name} has no row in docs/operations.md")
            default = str(parameter.get("Default", "")) or "empty"
            self.assertEqual(row[1].strip("`"), default, name)


class Deployment(Case):
    def versions(self, parameters, code="any"):
        return set(of_type(expand(parameters, code), "AWS::Lambda::Version"))

    def test_what_calls_a_function_calls_its_alias(self):
        for template in (self.dev, self.prod):
            called = [m["Properties"]["FunctionName"] for m in of_type(template, "AWS::Lambda::EventSourceMapping").values()]
            called += [i["Properties"]["IntegrationUri"] for i in of_type(template, "AWS::ApiGatewayV2::Integration").values()]
            called += [s["Properties"]["Target"]["Arn"] for s in of_type(template, "AWS::Scheduler::Schedule").values()]
            for reference in called:
                self.assertTrue(reference["Ref"].endswith("FunctionAliaslive"), reference)
            functions = {name.removesuffix("Function") for name in of_type(template, "AWS::Lambda::Function")}
            self.assertEqual({function_of(reference) for reference in called}, functions)
            for invoke in of_type(template, "AWS::Lambda::EventInvokeConfig").values():
                self.assertEqual(invoke["Properties"]["Qualifier"], "live")

    def test_in_prod_every_function_moves_step_by_step_and_back_on_an_alarm_of_its_own(self):
        groups = of_type(self.prod, "AWS::CodeDeploy::DeploymentGroup")
        functions = {name for name in of_type(self.prod, "AWS::Lambda::Function")}
        self.assertEqual({name.removesuffix("DeploymentGroup") for name in groups}, functions)
        for name, group in groups.items():
            function, properties = name.removesuffix("DeploymentGroup"), group["Properties"]
            alias = self.prod["Resources"][f"{function}Aliaslive"]
            update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
            self.assertEqual(update["DeploymentGroupName"], {"Ref": name})
            self.assertIn("DEPLOYMENT_STOP_ON_ALARM", properties["AutoRollbackConfiguration"]["Events"])
            self.assertIn("Canary10Percent15Minutes", str(properties["DeploymentConfigName"]))
            alarms = [alarm["Name"]["Ref"] for alarm in properties["AlarmConfiguration"]["Alarms"]]
            self.assertLessEqual(len(alarms), 10, "CodeDeploy takes no more")
            watched = [self.prod["Resources"][alarm]["Properties"] for alarm in alarms]
            self.assertIn(("AWS/Lambda", "Errors"), [(alarm["Namespace"], alarm["MetricName"]) for alarm in watched], name)
            for alarm in watched:
                # An API's answers are those of its function.
                apis = {"WebhookReceiverFunction": "WebhookApi", "OrderApiFunction": "OrderApi"}
                (dimension,) = alarm["Dimensions"]
                self.assertIn(dimension["Value"]["Ref"], (function, apis.get(function)), name)

    def test_while_calls_move_there_is_time_for_every_alarm_to_ring(self):
        ways = set(self.source["Parameters"]["DeploymentCanary"]["AllowedValues"]) - {"AllAtOnce"}
        moving_seconds = 60 * min(int(re.fullmatch(r"Canary10Percent(\d+)Minutes", way)[1]) for way in ways)
        # What CloudWatch takes until a period's numbers are there and looked at.
        late_seconds = 180
        for group in of_type(self.prod, "AWS::CodeDeploy::DeploymentGroup").values():
            for alarm in group["Properties"]["AlarmConfiguration"]["Alarms"]:
                rule = self.prod["Resources"][alarm["Name"]["Ref"]]["Properties"]
                needed = rule["Period"] * rule["EvaluationPeriods"] + late_seconds
                self.assertLess(needed, moving_seconds, alarm["Name"]["Ref"])

    def test_in_dev_new_versions_take_over_at_once(self):
        kinds = {resource["Type"] for resource in self.dev["Resources"].values()}
        self.assertFalse({kind for kind in kinds if kind.startswith("AWS::CodeDeploy")})
        for alias in of_type(self.dev, "AWS::Lambda::Alias").values():
            self.assertNotIn("UpdatePolicy", alias)

    def test_new_code_makes_a_new_version_and_new_parameters_do_with_a_new_release(self):
        first = self.versions({})
        self.assertEqual(len(first), 9)
        self.assertEqual(self.versions({}), first)
        self.assertFalse(self.versions({}, code="other") & first)
        # Why there is a parameter Release: SAM does not see the values of the others.
        self.assertEqual(self.versions({"LogLevel": "debug"}), first)
        released = self.versions({"LogLevel": "debug", "Release": "r1"})
        self.assertFalse(released & first)
        self.assertFalse(self.versions({"LogLevel": "debug", "Release": "r2"}) & released)
        # And why it is emptied again: under the same release, new code would not be used.
        self.assertEqual(self.versions({"Release": "r1"}, code="other"), released)

    def test_a_release_is_as_long_as_what_sam_looks_at(self):
        pattern = self.source["Parameters"]["Release"]["AllowedPattern"]
        for release in ("", "r1", "2026112117"):
            self.assertRegex(release, pattern)
        for release in ("20261121170", "a-b", "a b"):
            self.assertNotRegex(release, pattern)


class Signals(Case):
    def known(self, namespace, metric, dimension, value):
        """Fails unless somebody writes this metric."""
        if namespace == "RebillRescue":
            self.assertIn(metric, OUR_METRICS)
            self.assertEqual(dimension, "function")
            if metric == "UnbalancedOrders":
                self.assertEqual(value, BALANCE)
            else:
                self.assertIn(value, of_type(self.prod, "AWS::Lambda::Function"))
            return
        wanted, names = AWS_METRICS[namespace]
        self.assertEqual(dimension, wanted)
        self.assertIn(metric, names)
        kinds = {"AWS/SQS": "SQS::Queue", "AWS/Lambda": "Lambda::Function", "AWS/ApiGateway": "ApiGatewayV2::Api"}
        kinds |= {"AWS/DynamoDB": "DynamoDB::Table", "AWS/Logs": "Logs::LogGroup"}
        self.assertIn(value, of_type(self.prod, f"AWS::{kinds[namespace]}"))

    def alarms(self):
        return {name: item["Properties"] for name, item in of_type(self.prod, "AWS::CloudWatch::Alarm").items()}

    def test_every_alarm_is_on_a_metric_that_somebody_writes(self):
        for alarm in self.alarms().values():
            (dimension,) = alarm["Dimensions"]
            value = dimension["Value"]
            self.known(alarm["Namespace"], alarm["MetricName"], dimension["Name"], watched(value))

    def test_every_alarm_names_its_page_of_the_runbook_and_goes_to_the_topic(self):
        for name, alarm in self.alarms().items():
            self.assertTrue(alarm["AlarmDescription"]["Fn::Sub"].endswith(f". Runbook: ${{RunbookUrl}}/{page_of(name)}.md"), name)
            self.assertEqual(alarm["AlarmActions"], [{"Ref": "AlarmTopicArn"}], name)

    def test_silence_is_trouble_only_where_something_must_happen(self):
        for name, alarm in self.alarms().items():
            # A run of the balance a day: between two of them nothing changes.
            expected = "ignore" if name == "BalanceGapAlarm" else "notBreaching"
            expected = "breaching" if name in SILENCE_IS_TROUBLE else expected
            self.assertEqual(alarm["TreatMissingData"], expected, name)
            compared = "LessThanThreshold" if name in SILENCE_IS_TROUBLE else "GreaterThanThreshold"
            self.assertEqual(alarm["ComparisonOperator"], compared, name)

    def test_everything_that_can_wait_fail_or_be_left_over_has_an_alarm(self):
        on = {}
        for alarm in self.alarms().values():
            value = alarm["Dimensions"][0]["Value"]
            on.setdefault(alarm["MetricName"], set()).add(watched(value))
        queues = set(of_type(self.prod, "AWS::SQS::Queue"))
        dead = {name for name in queues if name.endswith("Dlq")}
        self.assertEqual(on["ApproximateNumberOfMessagesVisible"], dead)
        self.assertEqual(on["ApproximateAgeOfOldestMessage"], queues - dead)
        self.assertEqual(on["Errors"], set(of_type(self.prod, "AWS::Lambda::Function")))
        self.assertEqual(on["5xx"], set(of_type(self.prod, "AWS::ApiGatewayV2::Api")))
        self.assertEqual(on["IteratorAge"], {"OrderHistoryFunction", "OutcomePublisherFunction"})
        functions = of_type(self.prod, "AWS::Lambda::Function")
        reads = lambda item, variable: variable in item["Properties"]["Environment"]["Variables"]
        callers = {name for name, item in functions.items() if reads(item, "PROVIDER_TIMEOUT_MILLIS")}
        self.assertEqual(on["ProviderErrors"], callers)
        self.assertEqual(on["TokenFailures"], callers)
        # What only tells how much there is.
        told = {"PublishedOutcomes", "RejectedDeclines", "DeclineConflicts", "RefusedTransmissions", "TransmissionConflicts"}
        self.assertEqual({metric for metric in OUR_METRICS if metric not in on}, told)

    def dashboard(self):
        (board,) = of_type(self.prod, "AWS::CloudWatch::Dashboard").values()
        text = board["Properties"]["DashboardBody"]["Fn::Sub"]
        # What Sub puts in: the logical ids stand for the names here.
        return json.loads(re.sub(r"\$\{(?:AWS::)?(\w+)(?:\.\w+)?\}", r"\1", text))["widgets"]

    def test_every_metric_of_the_dashboard_is_one_that_somebody_writes(self):
        shown = set()
        for widget in self.dashboard():
            for namespace, metric, dimension, value, _ in widget["properties"].get("metrics", []):
                self.known(namespace, metric, dimension, value)
                shown.add(metric)
        self.assertEqual(OUR_METRICS - shown, set())

    def test_the_dashboard_shows_every_alarm_and_its_charts_do_not_overlap(self):
        widgets = self.dashboard()
        always = {name for name, item in of_type(expand(), "AWS::CloudWatch::Alarm").items() if "Condition" not in item}
        (alarms,) = [widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"]
        self.assertEqual(set(alarms), always)
        cells = [(x, y) for w in widgets for x in range(w["x"], w["x"] + w["width"]) for y in range(w["y"], w["y"] + w["height"])]
        self.assertEqual(len(cells), len(set(cells)))
        self.assertLessEqual(max(x for x, _ in cells), 23)

    def test_what_the_dashboard_reads_from_logs_is_logged(self):
        functions = {"EvaluateSubmission": "evaluate-submission", "WebhookReceiver": "webhook-receiver", "OrderReconcile": "order-reconcile"}
        queries = [widget["properties"]["query"] for widget in self.dashboard() if widget["type"] == "log"]
        self.assertEqual(len(queries), len(functions))
        for query in queries:
            form = r"SOURCE '(\w+)Logs' \| filter message = '(.+?)' \| stats count\(\*\) as orders by (\w+) "
            group, message, field = re.match(form, query).groups()
            code = (HERE / f"../functions/{functions[group]}/src/handler.rs").read_text()
            line = re.search(rf'tracing::info!\(([^;]*?)"{message}"\);', code)
            self.assertIsNotNone(line, message)
            self.assertRegex(line[1], rf"\b{field}\b")


if __name__ == "__main__":
    unittest.main()
