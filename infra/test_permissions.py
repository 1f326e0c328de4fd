"""What each role may do: every action, on which resource, and of the table on which partitions. Run by `cargo xtask test`."""

import re
import unittest

from expanded import DEV, HERE, KEY, PROD, deployed, listed, of_type, statements

TABLE = "OrdersTable"
STREAM = f"{TABLE}/stream"
SECRETS = "merchants' secrets"


def may(resource, *actions, keys=()):
    return {(action, resource, tuple(sorted(keys))) for action in actions}


def items(action, *partitions):
    """An action on items whose partition keys begin with these."""
    return may(TABLE, f"dynamodb:{action}", keys=[f"{partition}#*" for partition in partitions])


def consume(queue):
    return may(queue, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


def read_stream(dead_letters):
    actions = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    return may(STREAM, *(f"dynamodb:{action}" for action in actions)) | may(dead_letters, "sqs:SendMessage")


def postpone(queue):
    return may(queue, "sqs:ChangeMessageVisibility")


def send(*queues):
    return set().union(*(may(queue, "sqs:SendMessage") for queue in queues))


CREDENTIALS = may(SECRETS, "secretsmanager:GetSecretValue")

# Each function's role, without its own log and the key.
PERMISSIONS = {
    "DeclineIntake": items("GetItem", "ORDER", "MERCHANT")
    | items("PutItem", "ORDER", "PARKED")
    | consume("DeclinesQueue")
    | send("EvaluationsQueue"),
    "EvaluateSubmission": items("GetItem", "ORDER", "MERCHANT")
    | items("UpdateItem", "ORDER")
    | consume("EvaluationsQueue")
    | postpone("EvaluationsQueue")
    | CREDENTIALS,
    "WebhookReceiver": items("GetItem", "MERCHANT")
    | items("UpdateItem", "ORDER")
    | items("PutItem", "PARKED", "KEYS")
    | CREDENTIALS,
    "ExpirySweep": may(f"{TABLE}/index/due", "dynamodb:Query") | send("ReconciliationsQueue"),
    "OrderReconcile": items("GetItem", "ORDER", "PARKED", "MERCHANT")
    | items("UpdateItem", "ORDER", "PARKED")
    | consume("ReconciliationsQueue")
    | send("EvaluationsQueue")
    | CREDENTIALS,
    "OrderHistory": items("GetItem", "ORDER") | items("PutItem", "ORDER") | read_stream("HistoryDlq"),
    "OrderApi": items("GetItem", "ORDER", "MERCHANT")
    | items("PutItem", "ORDER", "PARKED")
    | items("UpdateItem", "ORDER")
    | items("Query", "ORDER")
    | may(f"{TABLE}/index/listed", "dynamodb:Query")
    | send("EvaluationsQueue", "ReconciliationsQueue")
    | CREDENTIALS,
    "OutcomePublisher": may("OutcomesBus", "events:PutEvents") | read_stream("PublisherDlq"),
    "TransmitRelay": items("GetItem", "TRANSMIT", "MERCHANT")
    | items("PutItem", "TRANSMIT", "PARKED")
    | items("UpdateItem", "TRANSMIT")
    | consume("TransmissionsQueue")
    | postpone("TransmissionsQueue")
    | CREDENTIALS,
}
# Roles of AWS's own services.
SERVICES = {
    "SweepScheduleRole": may("ExpirySweepFunction:live", "lambda:InvokeFunction") | send("SweepDlq"),
    "OutcomesHttpsRole": may("OutcomesHttpsDestination", "events:InvokeApiDestination"),
}


def resource_name(resource):
    """A resource by its logical id, or what it stands for."""
    if resource in ({"Ref": "KmsKeyArn"}, KEY):
        return "key"
    if "Fn::GetAtt" in resource:
        name, attribute = resource["Fn::GetAtt"]
        return {"Arn": name, "StreamArn": f"{name}/stream"}[attribute]
    if "Ref" in resource:
        return resource["Ref"].replace("Aliaslive", ":live")
    text = resource["Fn::Sub"]
    # A secret's ARN ends in characters only AWS knows: there, and only there, a prefix is the least.
    if text.endswith(":secret:rebill-rescue/${Stage}/merchants/*"):
        return SECRETS
    return re.fullmatch(r"\$\{(\w+)\.Arn\}(/index/\w+)", text).expand(r"\1\2")


def keys_of(statement):
    """What a statement's condition narrows it to. A condition of another form than these is an error."""
    match statement.get("Condition"):
        case None:
            return ()
        case {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys, **other}, **rest} if not other and not rest:
            return tuple(sorted(keys))
        case {"StringEquals": {"kms:ViaService": services, **other}, **rest} if not other and not rest:
            return tuple(sorted(service["Fn::Sub"].split(".")[0] for service in listed(services)))
    raise ValueError(f"unexpected condition: {statement['Condition']}")


def granted(template, role):
    found = set()
    for statement in statements(template, role):
        assert statement["Effect"] == "Allow", role
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                found.add((action, resource_name(resource), keys_of(statement)))
    return found


class Permissions(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.without_key = deployed({**PROD, "KmsKeyArn": ""})
        cls.with_key = deployed(PROD)

    def test_every_function_may_do_what_it_does_and_nothing_else(self):
        for name, expected in PERMISSIONS.items():
            own_log = may(f"{name}Logs", "logs:CreateLogStream", "logs:PutLogEvents")
            self.assertEqual(granted(self.without_key, f"{name}Role"), expected | own_log, name)
            role = self.without_key["Resources"][f"{name}Function"]["Properties"]["Role"]
            self.assertEqual(role, {"Fn::GetAtt": [f"{name}Role", "Arn"]})

    def test_every_service_may_do_what_it_does_and_nothing_else(self):
        for role, expected in SERVICES.items():
            self.assertEqual(granted(self.without_key, role), expected, role)

    def test_every_role_is_in_these_tables(self):
        # CodeDeploy's is made by SAM, with AWS's own policy for it.
        functions = {f"{name}Role" for name in PERMISSIONS}
        roles = set(of_type(self.with_key, "AWS::IAM::Role"))
        self.assertEqual(roles - {"CodeDeployServiceRole"}, functions | set(SERVICES))
        self.assertEqual({f"{name}Function" for name in PERMISSIONS}, set(of_type(self.with_key, "AWS::Lambda::Function")))
        self.assertNotIn("CodeDeployServiceRole", of_type(deployed(DEV), "AWS::IAM::Role"))

    def test_the_key_is_there_for_who_reads_and_who_sends_and_only_through_their_services(self):
        read = ("kms:Decrypt", "key", ("dynamodb", "secretsmanager", "sqs"))
        make = ("kms:GenerateDataKey", "key", ("sqs",))
        tables = {f"{name}Role": expected for name, expected in PERMISSIONS.items()}
        for role, expected in ({**tables, "SweepScheduleRole": SERVICES["SweepScheduleRole"]}).items():
            sends = any(action == "sqs:SendMessage" for action, _, _ in expected)
            more = granted(self.with_key, role) - granted(self.without_key, role)
            self.assertEqual(more, {read, make} if sends else {read}, role)
        for name, template in (("dev", deployed(DEV)), ("prod", self.without_key)):
            self.assertNotIn("kms", str(template["Resources"]).lower().replace("kmskeyarn", ""), name)

    def test_no_role_has_a_wildcard_or_a_managed_policy(self):
        for name, role in of_type(self.with_key, "AWS::IAM::Role").items():
            if name == "CodeDeployServiceRole":
                continue
            self.assertNotIn("ManagedPolicyArns", role["Properties"], name)
            for statement in statements(self.with_key, name):
                for text in map(str, listed(statement["Action"]) + listed(statement["Resource"])):
                    if not re.search(r":secret:rebill-rescue/\$\{Stage\}/merchants/\*'\}$", text):
                        self.assertNotIn("*", text, name)

    def test_the_table_s_partitions_are_those_of_the_store(self):
        keys = (HERE / "../shared/order-store/src/dynamo/key.rs").read_text()
        used = {key for expected in PERMISSIONS.values() for _, _, found in expected for key in found}
        self.assertEqual(used, {"ORDER#*", "PARKED#*", "MERCHANT#*", "TRANSMIT#*", "KEYS#*"})
        for key in used:
            self.assertIn(f'"{key.removesuffix("*")}', keys)

    def test_every_role_is_taken_by_its_service_alone(self):
        for name, role in of_type(self.with_key, "AWS::IAM::Role").items():
            (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            (service,) = listed(statement["Principal"]["Service"])
            owner = name.removesuffix("Role")
            wanted = {"SweepSchedule": "scheduler", "OutcomesHttps": "events", "CodeDeployService": "codedeploy"}
            self.assertEqual(service, f"{wanted.get(owner, 'lambda')}.amazonaws.com", name)

    def test_only_its_own_api_and_route_may_call_a_function_behind_http(self):
        for name, permission in of_type(self.with_key, "AWS::Lambda::Permission").items():
            properties = permission["Properties"]
            self.assertEqual(properties["Principal"], "apigateway.amazonaws.com", name)
            api = name.replace("Permission", "") if name.startswith("Order") else "WebhookApi"
            self.assertIn(f":${{{api}}}/*/", properties["SourceArn"]["Fn::Sub"], name)
            self.assertTrue(properties["FunctionName"]["Ref"].endswith("Aliaslive"), name)


if __name__ == "__main__":
    unittest.main()
