"""The template as SAM expands it and as CloudFormation sees it then, for given parameters."""

import copy
import functools
import logging
import os
import pathlib
import re

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
# SAM tells of feature toggles and metrics that are its own business.
logging.getLogger("samtranslator").setLevel(logging.CRITICAL)
logging.getLogger("samtranslator.feature_toggle.feature_toggle").setLevel(logging.CRITICAL)

from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

HERE = pathlib.Path(__file__).parent
KEY = "arn:aws:kms:us-east-1:111111111111:key/00000000-0000-0000-0000-000000000000"
# The two deployments that the checks are about: without anything that must be asked for, and with all of it.
DEV = {}
PROD = {
    "Stage": "prod",
    "KmsKeyArn": KEY,
    "AlarmTopicArn": "arn:aws:sns:us-east-1:111111111111:alarms",
    "OutcomesQueueSample": "true",
    "OutcomesHttpsUrl": "https://billing.example.com/outcomes",
    "OrderApiConcurrencyReserved": "20",
    "WebhookConcurrencyReserved": "20",
}
_NOTHING = {"Ref": "AWS::NoValue"}


def source():
    """The template as it is written."""
    return yaml_parse((HERE / "template.yaml").read_text())


def expand(parameters=None, code="any"):
    """The template after SAM, with its conditions still in it. Nobody changes what is returned."""
    return _expanded(tuple(sorted((parameters or {}).items())), code)


@functools.cache
def _expanded(parameters, code):
    template = source()
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": "any", "Key": code}
    return transform(template, dict(parameters), ManagedPolicyLoader(None))


def deployed(parameters=None):
    """The template after SAM with every condition and mapping resolved: what CloudFormation would create."""
    template = expand(parameters)
    values = {name: item.get("Default") for name, item in template["Parameters"].items()} | dict(parameters or {})
    conditions = {name: _holds(rule, values) for name, rule in template["Conditions"].items()}
    resources = {}
    for name, resource in template["Resources"].items():
        if conditions.get(resource.get("Condition"), True):
            unconditional = {key: value for key, value in resource.items() if key != "Condition"}
            resources[name] = _resolve(unconditional, conditions, values, template)
    return {**template, "Resources": resources}


def alone(parameters=None):
    """What CloudFormation would create, with the parameters' values in it: a template for checkers that know no parameters."""
    template = deployed(parameters)
    values = {name: item.get("Default") for name, item in template["Parameters"].items()} | dict(parameters or {})
    kept = {key: value for key, value in template.items() if key in ("AWSTemplateFormatVersion", "Description", "Resources")}
    return _fill(kept, {name: str(value) for name, value in values.items()})


def _fill(value, values):
    if isinstance(value, list):
        return [_fill(item, values) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return values.get(value["Ref"], value)
    if set(value) == {"Fn::Sub"} and isinstance(value["Fn::Sub"], str):
        text = re.sub(r"\$\{(\w+)\}", lambda name: values.get(name[1], name[0]), value["Fn::Sub"])
        return {"Fn::Sub": text} if "${" in text else text
    return {key: _fill(item, values) for key, item in value.items()}


def _holds(rule, values):
    ((function, given),) = rule.items()
    if function == "Fn::Not":
        return not _holds(given[0], values)
    if function == "Fn::Equals":
        left, right = (str(values[item["Ref"]]) if isinstance(item, dict) else str(item) for item in given)
        return left == right
    raise ValueError(f"a condition with {function} is not known here")


def _resolve(value, conditions, values, template):
    if isinstance(value, list):
        items = (_resolve(item, conditions, values, template) for item in value)
        return [item for item in items if item != _NOTHING]
    if not isinstance(value, dict):
        return copy.copy(value)
    if set(value) == {"Fn::If"}:
        condition, then, otherwise = value["Fn::If"]
        return _resolve(then if conditions[condition] else otherwise, conditions, values, template)
    if set(value) == {"Fn::FindInMap"}:
        mapping, key, word = value["Fn::FindInMap"]
        return template["Mappings"][mapping][values[key["Ref"]]][word]
    items = {key: _resolve(item, conditions, values, template) for key, item in value.items()}
    return {key: item for key, item in items.items() if item != _NOTHING}


def listed(value):
    return value if isinstance(value, list) else [value]


def of_type(template, kind):
    return {name: item for name, item in template["Resources"].items() if item["Type"] == kind}


def function_of(reference):
    """The function that a reference to it or to its alias is about, by its logical id without `Function`."""
    return reference["Ref"].removesuffix("Aliaslive").removesuffix("Function")


def statements(template, role):
    """All that a role may do: its own policies, and those that are attached to it."""
    documents = [policy["PolicyDocument"] for policy in template["Resources"][role]["Properties"].get("Policies", [])]
    for policy in of_type(template, "AWS::IAM::Policy").values():
        if {"Ref": role} in policy["Properties"]["Roles"]:
            documents.append(policy["Properties"]["PolicyDocument"])
    return [statement for document in documents for statement in document["Statement"]]
