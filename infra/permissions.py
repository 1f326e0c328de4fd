"""What the functions' roles may do, from three sides: what the template grants, what the code's capability traits name, and what
AWS does with a role by itself. A permission is (action, resource, what it is narrowed to): the partitions of the table that begin
so (`ORDER#*`), the service that a key is used through, or nothing.
"""

import re

from expanded import HERE, KEY, function_of, listed, of_type, source, statements

TABLE = "OrdersTable"
SECRETS = "merchants' secrets"
# The queue that a function reads, in the tables below.
OWN_QUEUE = "own queue"


def may(resource, *actions):
    return {(action, resource, "") for action in actions}


def items(action, *partitions):
    """An action on items whose partition keys begin with these."""
    return {(f"dynamodb:{action}", TABLE, f"{partition}#*") for partition in partitions}


# Each capability trait of the shared crates and the calls behind it. Kept by hand, as the picture to review; what it says too
# much of a function is found by calls.py, which knows the calls that were made, and what it says too little by the local stack.
CAPABILITIES = {
    "ApplyEvent": items("UpdateItem", "ORDER"),
    "AskOf": items("GetItem", "ORDER") | items("UpdateItem", "ORDER"),
    "FanOut": may("ReconciliationsQueue", "sqs:SendMessage"),
    "FindDue": may(f"{TABLE}/index/due", "dynamodb:Query"),
    "FindMerchant": items("GetItem", "MERCHANT"),
    "FindSecret": may(SECRETS, "secretsmanager:GetSecretValue"),
    "HandOn": may("EvaluationsQueue", "sqs:SendMessage"),
    "KeepHistory": items("GetItem", "ORDER") | items("PutItem", "ORDER"),
    "KeepListing": items("PutItem", "ORDER"),
    "KeepTransmission": items("GetItem", "TRANSMIT") | items("PutItem", "TRANSMIT") | items("UpdateItem", "TRANSMIT"),
    "ListOrders": may(f"{TABLE}/index/listed", "dynamodb:Query"),
    "Look": items("GetItem", "ORDER") | items("UpdateItem", "ORDER"),
    "MatchOrphan": items("GetItem", "PARKED") | items("UpdateItem", "PARKED"),
    "NoteKey": items("PutItem", "KEYS"),
    "Park": items("PutItem", "PARKED"),
    "Postpone": may(OWN_QUEUE, "sqs:ChangeMessageVisibility"),
    "Publish": may("OutcomesBus", "events:PutEvents"),
    "ReadHistory": items("Query", "ORDER"),
    "Submit": items("GetItem", "ORDER") | items("UpdateItem", "ORDER"),
    "TakeDecline": items("GetItem", "ORDER") | items("PutItem", "ORDER"),
}
# Bounds that bring no call of AWS; FlexFactor's are read from its crate.
WITHOUT_CALLS = {"Clock", "Random", "DeserializeOwned", "JsonSchema"}
# What AWS does with the role of a function that reads a queue, or a stream.
OF_QUEUES = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
OF_STREAMS = tuple(f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"))
OF_LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")


def functions(template):
    """Every function by its logical id, without `Function`."""
    return sorted(name.removesuffix("Function") for name in of_type(template, "AWS::Lambda::Function"))


def bounds(name):
    """The traits that a function's handler is bound to, as its code has them."""
    code = HERE / source()["Resources"][f"{name}Function"]["Properties"]["CodeUri"] / "src"
    texts = (path.read_text() for path in sorted(code.rglob("*.rs")) if "tests" not in str(path.relative_to(code)))
    found = (re.findall(r"\b[A-Z]: ([A-Z]\w+(?:\s*\+\s*[A-Z]\w+)*)", text) for text in texts)
    return {trait.strip() for lines in found for line in lines for trait in line.split("+")}


def provider_traits():
    """FlexFactor's capabilities: calls, but none of AWS."""
    calls = HERE / "../shared/flexfactor/src/calls"
    return {trait for path in calls.rglob("*.rs") for trait in re.findall(r"(?m)^pub trait (\w+)", path.read_text())}


def named_by_traits(template, name):
    """All calls that a function's capability traits name."""
    named = set().union(*(CAPABILITIES.get(trait, set()) for trait in bounds(name)))
    return {(action, queue_of(template, name) if resource == OWN_QUEUE else resource, to) for action, resource, to in named}


def mappings_of(template, name):
    mappings = (item["Properties"] for item in of_type(template, "AWS::Lambda::EventSourceMapping").values())
    return [mapping for mapping in mappings if function_of(mapping["FunctionName"]) == name]


def queue_of(template, name):
    (mapping,) = mappings_of(template, name)
    return resource_name(mapping["EventSourceArn"])


def done_by_aws(template, name):
    """What AWS itself does with a function's role, as the function's mappings and its log have it: no code of ours calls it."""
    done = may(f"{name}Logs", *OF_LOGS)
    for mapping in mappings_of(template, name):
        source_name = resource_name(mapping["EventSourceArn"])
        done |= may(source_name, *(OF_STREAMS if source_name.endswith("/stream") else OF_QUEUES))
        # A queue has its dead letters from its own redrive policy, for which no role is asked.
        if "DestinationConfig" in mapping:
            done |= may(resource_name(mapping["DestinationConfig"]["OnFailure"]["Destination"]), "sqs:SendMessage")
    return done


def done_by_services(template):
    """What AWS's services do with the roles that they are given, by role: a schedule calls its target and keeps what failed, a
    rule posts to its destination."""
    done = {}
    for schedule in of_type(template, "AWS::Scheduler::Schedule").values():
        target = schedule["Properties"]["Target"]
        called = may(resource_name(target["Arn"]), "lambda:InvokeFunction")
        kept = may(resource_name(target["DeadLetterConfig"]["Arn"]), "sqs:SendMessage")
        done[resource_name(target["RoleArn"])] = called | kept
    for rule in of_type(template, "AWS::Events::Rule").values():
        for target in rule["Properties"]["Targets"]:
            # To a queue it sends without a role: the queue's own policy lets it.
            if "RoleArn" in target:
                done[resource_name(target["RoleArn"])] = may(resource_name(target["Arn"]), "events:InvokeApiDestination")
    return done


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


def narrowed_to(statement):
    """What a statement's condition narrows it to. A condition of another form than these is an error."""
    match statement.get("Condition"):
        case None:
            return [""]
        case {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys, **other}, **rest} if not other and not rest:
            return keys
        case {"StringEquals": {"kms:ViaService": services, **other}, **rest} if not other and not rest:
            return [service["Fn::Sub"].split(".")[0] for service in listed(services)]
    raise ValueError(f"unexpected condition: {statement['Condition']}")


def granted(template, role):
    """All that the template grants a role."""
    found = set()
    for statement in statements(template, role):
        assert statement["Effect"] == "Allow", role
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                found |= {(action, resource_name(resource), to) for to in narrowed_to(statement)}
    return found
