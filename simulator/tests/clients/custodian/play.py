#!/usr/bin/env python3
"""Cloud Custodian's filters and actions for Classic load balancers, against a running simulator:

    python3 -m venv venv && venv/bin/pip install -r tools/conformance/custodian.txt
    venv/bin/python simulator/tests/clients/custodian/play.py http://127.0.0.1:4566

Each policy of `policies.yaml` is run by Custodian's own command line. What it has found is compared with what it is
expected to find, and what it has done with what boto3 reads afterwards.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import boto3
import yaml

HERE = pathlib.Path(__file__).parent
REGION, ACCOUNT = "us-east-1", "123456789012"


class World:
    """Two balancers: a plain one and a secure one, with what stands around them."""

    def __init__(self, endpoint):
        self.client = lambda service: boto3.client(
            service, endpoint_url=endpoint, region_name=REGION,
            aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="secret")
        self.elb, self.ec2 = self.client("elb"), self.client("ec2")
        stamp = "%d" % time.time()
        self.plain, self.secure, self.bucket = "c7n-plain-" + stamp, "c7n-secure-" + stamp, "c7n-" + stamp
        self.client("s3").create_bucket(Bucket=self.bucket)
        subnets = self.ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["us-east-1a"]}])["Subnets"]
        self.subnet, self.vpc = subnets[0]["SubnetId"], subnets[0]["VpcId"]
        self.group = self.ec2.create_security_group(GroupName=self.bucket, Description="spare", VpcId=self.vpc)["GroupId"]
        self.ec2.create_tags(Resources=[self.group], Tags=[{"Key": "role", "Value": self.bucket}])
        certificate = self.client("acm").request_certificate(DomainName="www.example.com")["CertificateArn"]
        issue(endpoint, certificate)
        self.create(self.plain, [{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 8080}])
        self.create(self.secure, [{
            "Protocol": "HTTPS", "LoadBalancerPort": 443, "InstanceProtocol": "HTTP", "InstancePort": 8080,
            "SSLCertificateId": certificate}])
        self.elb.configure_health_check(LoadBalancerName=self.plain, HealthCheck={
            "Target": "HTTP:8080/health", "Interval": 30, "Timeout": 5, "UnhealthyThreshold": 2, "HealthyThreshold": 10})
        image = self.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=self.subnet)
        instance = {"InstanceId": image["Instances"][0]["InstanceId"]}
        self.elb.register_instances_with_load_balancer(LoadBalancerName=self.plain, Instances=[instance])

    def create(self, name, listeners):
        self.elb.create_load_balancer(
            LoadBalancerName=name, Listeners=listeners, Subnets=[self.subnet], Tags=[{"Key": "team", "Value": name}])

    def describe(self, name):
        return self.elb.describe_load_balancers(LoadBalancerNames=[name])["LoadBalancerDescriptions"][0]

    def tags(self, name):
        described = self.elb.describe_tags(LoadBalancerNames=[name])["TagDescriptions"][0]["Tags"]
        return {tag["Key"]: tag.get("Value", "") for tag in described}

    def attributes(self, name):
        return self.elb.describe_load_balancer_attributes(LoadBalancerName=name)["LoadBalancerAttributes"]

    def ciphers(self, name):
        """What the policies in force on the secure listener say, switched on."""
        names = self.describe(name)["ListenerDescriptions"][0]["PolicyNames"]
        policies = self.elb.describe_load_balancer_policies(LoadBalancerName=name, PolicyNames=names)
        attributes = [it for policy in policies["PolicyDescriptions"] for it in policy["PolicyAttributeDescriptions"]]
        return {it["AttributeName"]: it["AttributeValue"] for it in attributes if it["AttributeValue"] != "false"}

    def exists(self, name):
        try:
            return bool(self.describe(name))
        except self.elb.exceptions.AccessPointNotFoundException:
            return False


def issue(endpoint, certificate):
    """A requested certificate waits for its validation, which only a seed of the simulator can be in place of."""
    import urllib.request

    listed = [{"arn": certificate, "domainName": "www.example.com", "status": "ISSUED"}]
    seed = json.dumps({"regions": [{"region": REGION, "certificates": listed}]}).encode()
    urllib.request.urlopen(urllib.request.Request(endpoint + "/_simulator/seed", data=seed)).read()


def effects(world):
    """What must be so after the policy of that name."""
    plain, secure = world.plain, world.secure
    return {
        "tag": lambda: world.tags(plain).get("stage") == "test",
        "remove-tag": lambda: "stage" not in world.tags(plain) and "team" in world.tags(plain),
        "mark-for-op": lambda: "maid_status" in world.tags(plain),
        "enable-logging": lambda: world.attributes(plain)["AccessLog"] == {
            "Enabled": True, "S3BucketName": world.bucket, "S3BucketPrefix": "logs", "EmitInterval": 5},
        "disable-logging": lambda: not world.attributes(plain)["AccessLog"]["Enabled"],
        "set-predefined-policy": lambda: world.ciphers(secure)["Reference-Security-Policy"] == "ELBSecurityPolicy-TLS-1-2-2017-01",
        "set-custom-policy": lambda: world.ciphers(secure) == {
            "Protocol-TLSv1.2": "true", "ECDHE-RSA-AES128-GCM-SHA256": "true"},
        "add-group": lambda: world.group in world.describe(plain)["SecurityGroups"],
        "remove-group": lambda: world.group not in world.describe(plain)["SecurityGroups"],
        "delete": lambda: not world.exists(plain) and not world.exists(secure),
    }


def run(policy, endpoint, folder):
    """The names of the balancers that a policy has found."""
    path = folder / "policy.json"
    path.write_text(json.dumps({"policies": [policy]}))
    environment = {
        **os.environ, "AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    custodian = [os.path.join(os.path.dirname(sys.executable), "custodian"), "run", "--output-dir", str(folder),
                 "--cache-period", "0", "--region", REGION, str(path)]
    done = subprocess.run(custodian, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, "%s: %s" % (policy["name"], done.stderr)
    found = json.loads((folder / policy["name"] / "resources.json").read_text())
    return {it["LoadBalancerName"] for it in found}


def main(endpoint):
    world = World(endpoint)
    words = {"PLAIN": world.plain, "SECURE": world.secure, "BUCKET": world.bucket, "GROUP": world.group,
             "SUBNET": world.subnet, "VPC": world.vpc, "ACCOUNT": ACCOUNT}
    text = (HERE / "policies.yaml").read_text()
    for word, meaning in words.items():
        text = text.replace("$" + word, meaning)
    told = effects(world)
    with tempfile.TemporaryDirectory() as folder:
        cases = yaml.safe_load(text)
        for case in cases:
            name = case["name"]
            expected = set(case["finds"])
            # Other tests may have balancers of their own in the account.
            mine = {"type": "value", "key": "LoadBalancerName", "op": "in", "value": [world.plain, world.secure]}
            policy = {"name": name, "resource": "elb", "filters": [mine, *case.get("filters", [])]}
            if "actions" in case:
                policy["actions"] = case["actions"]
                assert name in told, "nobody looks at what %s does" % name
            found = run(policy, endpoint, pathlib.Path(folder))
            assert found == expected, "%s has found %s and not %s" % (name, sorted(found), sorted(expected))
            assert name not in told or told[name](), "%s has not done what it should" % name
    missing = set(told) - {case["name"] for case in cases}
    assert not missing, "no policy is called %s" % missing
    print("Cloud Custodian: %d policies found and did what they should" % len(cases))


if __name__ == "__main__":
    main(sys.argv[1])
