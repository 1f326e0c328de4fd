"""Deploys a SAM template with staged functions to a local AWS endpoint and prints the stack's outputs as JSON.

It does what `sam deploy` does after `sam build`: each function's binary goes to a bucket, its CodeUri is pointed there, the
template follows, and CloudFormation creates the stack.
"""

import argparse
import io
import json
import pathlib
import sys
import time
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError
from samtranslator.yaml_helper import yaml_parse

BUCKET = "deployment"
TEMPLATE = "template.json"
FUNCTION = "AWS::Serverless::Function"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True, help="such as http://127.0.0.1:4566")
    parser.add_argument("--template", required=True, type=pathlib.Path)
    parser.add_argument("--functions", required=True, type=pathlib.Path, help="holds <function>/bootstrap")
    parser.add_argument("--stack", required=True, help="name of the stack to create")
    parser.add_argument("--parameters", default="{}", help="JSON object of template parameters")
    parser.add_argument("--deadline-seconds", type=int, default=60)
    return parser.parse_args()


def client(service, endpoint):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, read_timeout=120),
    )


def package(binary):
    """A zip of one executable, stored as it is: it never leaves the machine, and packing would cost most of the time."""
    info = zipfile.ZipInfo("bootstrap", date_time=(1980, 1, 1, 0, 0, 0))
    info.external_attr = 0o100755 << 16
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as out:
        out.writestr(info, binary.read_bytes())
    return archive.getvalue()


def upload_functions(template, functions, s3):
    """Uploads each function's package and points its CodeUri there."""
    s3.create_bucket(Bucket=BUCKET)
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] != FUNCTION:
            continue
        name = pathlib.PurePosixPath(resource["Properties"]["CodeUri"]).name
        binary = functions / name / "bootstrap"
        if not binary.is_file():
            sys.exit(f"{logical_id}: no binary at {binary}; build it and stage it first")
        s3.put_object(Bucket=BUCKET, Key=f"{name}.zip", Body=package(binary))
        resource["Properties"]["CodeUri"] = {"Bucket": BUCKET, "Key": f"{name}.zip"}


def upload_template(template, s3):
    """Uploads the template and returns its address: in a request itself CloudFormation takes 51,200 bytes."""
    s3.put_object(Bucket=BUCKET, Key=TEMPLATE, Body=json.dumps(template).encode())
    return f"{s3.meta.endpoint_url}/{BUCKET}/{TEMPLATE}"


def create_stack(template_url, arguments, cloudformation):
    """Creates the stack, waits for it and returns its outputs; on failure says which resource failed and why."""
    parameters = json.loads(arguments.parameters)
    cloudformation.create_stack(
        StackName=arguments.stack,
        TemplateURL=template_url,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        OnFailure="DO_NOTHING",
    )
    try:
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=arguments.stack,
            WaiterConfig={"Delay": 0.2, "MaxAttempts": arguments.deadline_seconds * 5},
        )
    except WaiterError as error:
        sys.exit(f"the stack was not created ({error})\n" + "\n".join(failures(arguments.stack, cloudformation)))
    stack = cloudformation.describe_stacks(StackName=arguments.stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def failures(stack, cloudformation):
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    for event in reversed(events):
        if event["ResourceStatus"].endswith("FAILED"):
            reason = event.get("ResourceStatusReason", "no reason given")
            yield f"  {event['LogicalResourceId']} ({event['ResourceType']}): {reason}"


def main():
    started, given = time.monotonic(), arguments()
    template = yaml_parse(given.template.read_text())
    try:
        s3 = client("s3", given.endpoint)
        upload_functions(template, given.functions, s3)
        template_url = upload_template(template, s3)
        uploaded = time.monotonic()
        outputs = create_stack(template_url, given, client("cloudformation", given.endpoint))
    except ClientError as error:
        sys.exit(f"deployment refused: {error}")
    print(json.dumps(outputs))
    print(f"uploaded in {uploaded - started:.1f} s, created in {time.monotonic() - uploaded:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
