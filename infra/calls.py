"""Holds what the functions called in the end-to-end tests and the demo against what the template grants their roles: a permission
that no call needs is too much, a call without one is refused. Run by `cargo xtask test`.

Usage: calls.py <directory with the runs' calls.log> [--missing]

With --missing only calls without a permission are looked for: that is all that a run which broke off can tell.
"""

import json
import pathlib
import re
import sys

from expanded import DEV, HERE, deployed, of_type
from permissions import SECRETS, done_by_aws, functions, granted

# The stack that every run deploys.
STACK = re.search(r'STACK: &str = "([\w-]+)"', (HERE / "../tools/local-stack/src/deploy.rs").read_text())[1]
NAMED_BY = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::EventBus": "Name",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::SQS::Queue": "QueueName",
}


def read(directory):
    """Every kind of call in the logs of a directory's stacks: (function, action, resource, partition), as AWS names them."""
    lines = (line for log in sorted(directory.glob("*/calls.log")) for line in log.read_text().splitlines())
    calls = (json.loads(line) for line in lines)
    return {(call["function"], call["action"], call["resource"], call["partition"]) for call in calls}


def resource_of(template, name):
    """The resource with this ARN or name, by its logical id; what is not the stack's keeps its own."""
    own = re.sub(r"^arn:aws:\w+:[\w-]*:\d*:(table/|event-bus/)?", "", name)
    if own.startswith("secret:rebill-rescue/dev/merchants/"):
        return SECRETS
    for kind, attribute in NAMED_BY.items():
        for logical, item in of_type(template, kind).items():
            given = item["Properties"].get(attribute)
            # What the template gives no name gets one of CloudFormation's.
            pattern = given["Fn::Sub"].replace("${AWS::StackName}", STACK) if given else rf"{STACK}-{logical}-\w+"
            if found := re.fullmatch(rf"{pattern}(/.+)?", own):
                return logical + (found[1] or "")
    return name


def called(template, calls):
    """What each function called, by its logical id, in the form of permissions."""
    found = {}
    for function, action, resource, partition in calls:
        name = resource_of(template, function).removesuffix("Function")
        found.setdefault(name, set()).add((action, resource_of(template, resource), partition))
    return found


def differences(calls, roles, by_aws):
    """What is missing and what is unused, in sentences; given, by function, what it called, what its role grants, and what AWS
    does with that."""
    missing, unused = [], []
    for name in sorted(roles.keys() | calls.keys()):
        if name not in calls:
            unused.append(f"not seen: {name} made no call in any run, so nothing is known of what it needs")
            continue
        needed, has = calls[name] | by_aws.get(name, set()), roles.get(name, set())
        for permission in sorted(needed - has):
            missing.append(f"missing: {name} needs {told(permission)}, and its role does not grant it")
        for permission in sorted(has - needed):
            unused.append(f"unused: {name}'s role grants {told(permission)}, and no call of any run needed it")
    return missing, unused


def told(permission):
    action, resource, to = permission
    return f"{action} on {resource}" + (f", {to}" if to else "")


def main(directory, *options):
    template = deployed(DEV)
    names, calls = functions(template), called(template, read(pathlib.Path(directory)))
    if not calls:
        sys.exit(f"no call of any function is noted in {directory}: nothing was checked")
    roles = {name: granted(template, f"{name}Role") for name in names}
    by_aws = {name: done_by_aws(template, name) for name in names}
    missing, unused = differences(calls, roles, by_aws)
    wrong = missing if "--missing" in options else missing + unused
    for sentence in wrong:
        print(sentence)
    made, of_aws, has = (sum(map(len, of_all.values())) for of_all in (calls, by_aws, roles))
    print(f"{made} kinds of calls were made, {of_aws} are AWS's own, {has} permissions are granted: {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
