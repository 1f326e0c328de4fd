"""What each role may do: what its function's capability traits name and what AWS does with it, and nothing else. That these are
the calls that are made, all of them and no other, calls.py holds against the end-to-end run. Run by `cargo xtask test`.
"""

import re
import unittest

from expanded import DEV, HERE, PROD, deployed, listed, of_type, statements
from permissions import CAPABILITIES, WITHOUT_CALLS
from permissions import bounds, done_by_aws, done_by_services, functions, granted, named_by_traits, provider_traits


class Permissions(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.without_key = deployed({**PROD, "KmsKeyArn": ""})
        cls.with_key = deployed(PROD)

    def expected(self, name):
        return named_by_traits(self.without_key, name) | done_by_aws(self.without_key, name)

    def test_every_function_may_do_what_its_traits_name_and_nothing_else(self):
        for name in functions(self.without_key):
            self.assertEqual(granted(self.without_key, f"{name}Role"), self.expected(name), name)
            role = self.without_key["Resources"][f"{name}Function"]["Properties"]["Role"]
            self.assertEqual(role, {"Fn::GetAtt": [f"{name}Role", "Arn"]})

    def test_every_trait_that_a_handler_is_bound_to_is_known(self):
        bound = set()
        for name in functions(self.without_key):
            traits = bounds(name)
            self.assertTrue(traits & set(CAPABILITIES), name)
            self.assertEqual(traits - set(CAPABILITIES) - WITHOUT_CALLS - provider_traits(), set(), name)
            bound |= traits
        self.assertEqual(set(CAPABILITIES) - bound, set())

    def test_every_service_may_do_what_it_does_and_nothing_else(self):
        for role, expected in done_by_services(self.without_key).items():
            self.assertEqual(granted(self.without_key, role), expected, role)

    def test_every_role_is_a_function_s_or_a_service_s(self):
        # CodeDeploy's is made by SAM, with AWS's own policy for it.
        of_functions = {f"{name}Role" for name in functions(self.with_key)}
        roles = set(of_type(self.with_key, "AWS::IAM::Role"))
        self.assertEqual(roles - {"CodeDeployServiceRole"}, of_functions | set(done_by_services(self.with_key)))
        self.assertNotIn("CodeDeployServiceRole", of_type(deployed(DEV), "AWS::IAM::Role"))

    def test_the_key_is_there_for_who_reads_and_who_sends_and_only_through_their_services(self):
        read = {("kms:Decrypt", "key", service) for service in ("dynamodb", "secretsmanager", "sqs")}
        make = {("kms:GenerateDataKey", "key", "sqs")}
        roles = {f"{name}Role": self.expected(name) for name in functions(self.with_key)}
        roles |= done_by_services(self.with_key)
        # It posts to an address, and neither reads nor sends.
        del roles["OutcomesHttpsRole"]
        for role, expected in roles.items():
            sends = any(action == "sqs:SendMessage" for action, _, _ in expected)
            more = granted(self.with_key, role) - granted(self.without_key, role)
            self.assertEqual(more, read | make if sends else read, role)
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
        used = {to for calls in CAPABILITIES.values() for _, _, to in calls if to}
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
