#!/usr/bin/env python3
"""The tutorial of boto 2, step by step, against a running simulator.

    python3 -m venv venv && venv/bin/pip install boto==2.49.0 setuptools
    venv/bin/python simulator/tests/clients/boto2.py 127.0.0.1:4566
"""
import sys
import time

import boto.ec2
import boto.ec2.autoscale
import boto.ec2.elb
from boto.ec2.autoscale import AutoScalingGroup, LaunchConfiguration
from boto.ec2.elb import HealthCheck
from boto.exception import BotoServerError
from boto.regioninfo import RegionInfo


def connect(kind, address):
    host, port = address.split(":")
    return kind(
        region=RegionInfo(name="us-east-1", endpoint=host), port=int(port), is_secure=False,
        aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="secret",
    )


def main(address):
    elb = connect(boto.ec2.elb.ELBConnection, address)
    ec2 = connect(boto.ec2.EC2Connection, address)
    autoscale = connect(boto.ec2.autoscale.AutoScaleConnection, address)
    name = "boto2-%d" % time.time()
    named = lambda: elb.get_all_load_balancers(load_balancer_names=[name])[0]
    ids = lambda: sorted(instance.id for instance in named().instances)

    assert {region.name for region in boto.ec2.elb.regions()} >= {"us-east-1", "eu-west-1"}
    before = len(elb.get_all_load_balancers())
    lb = elb.create_load_balancer(name, ["us-east-1a", "us-east-1b"], [(80, 8080, "http"), (443, 8443, "tcp")])
    assert lb.dns_name.startswith(name + "-") and lb.dns_name.endswith(".us-east-1.elb.amazonaws.com"), lb.dns_name
    lb.configure_health_check(
        HealthCheck(interval=20, healthy_threshold=3, unhealthy_threshold=5, target="HTTP:8080/health"))
    check = named().health_check
    assert (check.target, check.interval, check.unhealthy_threshold) == ("HTTP:8080/health", 20, 5)

    instances = sorted(instance.id for instance in ec2.run_instances("ami-12c6146b", min_count=2, max_count=2).instances)
    lb.register_instances(instances)
    assert ids() == instances
    deadline = time.time() + 60
    while {health.state for health in elb.describe_instance_health(name)} != {"InService"}:
        assert time.time() < deadline
        time.sleep(0.1)
    lb.disable_zones(["us-east-1a"])
    # Those in the disabled zone, one after the other.
    ec2.terminate_instances(instances[:1])
    lb.deregister_instances(instances[:1])
    assert ids() == instances[1:]
    lb.enable_zones(["us-east-1c"])
    assert sorted(named().availability_zones) == ["us-east-1b", "us-east-1c"]
    lb.deregister_instances(instances[1:])
    assert ids() == []

    configuration = LaunchConfiguration(name=name, image_id="ami-12c6146b")
    autoscale.create_launch_configuration(configuration)
    group = AutoScalingGroup(
        group_name=name, load_balancers=[name], availability_zones=["us-east-1c"], launch_config=configuration,
        min_size=1, max_size=2, connection=autoscale)
    autoscale.create_auto_scaling_group(group)
    assert len(ids()) == 1
    autoscale.delete_auto_scaling_group(name, force_delete=True)
    lb.delete()
    try:
        named()
        raise AssertionError("it is still there")
    except BotoServerError as error:
        assert (error.status, error.error_code) == (400, "LoadBalancerNotFound"), error
    assert len(elb.get_all_load_balancers()) == before
    print("boto 2: every step of the tutorial worked")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:4566")
