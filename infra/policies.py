"""Holds the template against the rules of others: cfn-lint's, and checkov's for security. Run by `cargo xtask test`.

Usage: policies.py <program cfn-lint> <program checkov>

Both see the template as CloudFormation would: expanded by SAM, conditions resolved, for the smallest deployment and for the one
with everything. What checkov finds must be in EXCEPTIONS with its reason, and what is there must still be found.
"""

import json
import pathlib
import subprocess
import sys

from expanded import DEV, HERE, PROD, alone

WHERE = HERE / "../target/policies"
DEPLOYMENTS = {"dev": DEV, "prod": PROD}
EVERY = set(DEPLOYMENTS)
NO_KEY = "Here no key was given (KmsKeyArn), and AWS encrypts with keys of its own. With one, this rule holds."

# Rule: in which deployments it is broken, by which kinds of resources, and why that is right.
EXCEPTIONS = {
    "CKV_AWS_27": ({"dev"}, "AWS::SQS::Queue", NO_KEY),
    "CKV_AWS_119": ({"dev"}, "AWS::DynamoDB::Table", NO_KEY),
    "CKV_AWS_149": ({"dev"}, "AWS::SecretsManager::Secret", NO_KEY),
    "CKV_AWS_158": ({"dev"}, "AWS::Logs::LogGroup", NO_KEY),
    "CKV_AWS_115": (
        EVERY,
        "AWS::Lambda::Function",
        "Functions that read queues are bounded by their mapping's MaximumConcurrency, those of a stream by its shards, the sweep "
        "by its schedule. Setting instances aside for them would take them from the account's others. The two behind HTTP have "
        "parameters for it.",
    ),
    "CKV_AWS_116": (
        EVERY,
        "AWS::Lambda::Function",
        "A function's own dead-letter queue is for asynchronous calls. Only the sweep gets those, and the next minute's sweep "
        "finds the same. Queues and streams have dead letters of their own.",
    ),
    "CKV_AWS_117": (
        EVERY,
        "AWS::Lambda::Function",
        "The functions talk to AWS and to FlexFactor's public address, and to nothing in a VPC. In one, they would need a gateway "
        "to the same addresses.",
    ),
    "CKV_AWS_173": (
        EVERY,
        "AWS::Lambda::Function",
        "The variables are names and limits; secrets are read from Secrets Manager. Lambda encrypts them with its own key.",
    ),
}


def write_deployments():
    WHERE.mkdir(parents=True, exist_ok=True)
    files = []
    for name, parameters in DEPLOYMENTS.items():
        path = WHERE / f"{name}.json"
        path.write_text(json.dumps(alone(parameters), indent=1))
        files.append(path)
    return files


def findings(checkov):
    """What checkov finds, as (deployment, rule, kind of resource), and how many of its checks passed."""
    command = [checkov, "--framework", "cloudformation", "--directory", WHERE, "--output", "json", "--quiet", "--skip-download"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    report = json.loads(done.stdout)
    # Its exit code is 1 for findings; whatever it could not read, it only counts.
    if done.returncode not in (0, 1) or report["summary"]["parsing_errors"]:
        sys.exit(f"checkov failed with {done.returncode}: {report['summary']}")
    failed = report["results"]["failed_checks"]
    found = {(pathlib.Path(f["file_path"]).stem, f["check_id"], f["resource"].rsplit(".", 1)[0]): f["check_name"] for f in failed}
    return found, report["summary"]["passed"]


def main():
    cfn_lint, checkov = sys.argv[1:]
    files = write_deployments()
    linted = subprocess.run([cfn_lint, *files], check=False).returncode
    found, passed = findings(checkov)
    excepted = {(name, rule, kind) for rule, (where, kind, _) in EXCEPTIONS.items() for name in where}
    for finding in sorted(set(found) - excepted):
        print(f"found: {' '.join(finding)}: {found[finding]}")
    for exception in sorted(excepted - set(found)):
        print(f"no longer found, so no longer an exception: {' '.join(exception)}")
    print(f"checkov: {passed} checks hold, {len(excepted)} exceptions")
    sys.exit(1 if linted or set(found) != excepted or not passed else 0)


if __name__ == "__main__":
    main()
