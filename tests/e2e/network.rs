//! VPCs that somebody made by hand.

use serde_json::json;
use testkit::simulator::REGION;
use testkit::{Result, Simulator};

use crate::unique;

pub(crate) const EC2: &str = "2016-11-15";

/// The text of the first element of this name.
pub(crate) fn element(xml: &str, name: &str) -> String {
    let start = xml.find(&format!("<{name}>")).expect(name) + name.len() + 2;
    let end = xml[start..].find("</").expect("its end") + start;
    xml[start..end].to_owned()
}

/// A VPC with an Internet gateway, to which no route leads yet.
pub(crate) struct Vpc<'a> {
    aws: &'a Simulator,
    pub(crate) id: String,
    gateway: String,
    made: std::cell::Cell<u8>,
}

impl<'a> Vpc<'a> {
    pub(crate) async fn new(aws: &'a Simulator) -> Result<Self> {
        let vpc = aws
            .query("ec2", EC2, "CreateVpc", &[("CidrBlock", "10.9.0.0/16")])
            .await?;
        let id = element(&vpc, "vpcId");
        let gateway = aws.query("ec2", EC2, "CreateInternetGateway", &[]).await?;
        let gateway = element(&gateway, "internetGatewayId");
        let attach = [("InternetGatewayId", &*gateway), ("VpcId", &*id)];
        aws.query("ec2", EC2, "AttachInternetGateway", &attach).await?;
        Ok(Self {
            aws,
            id,
            gateway,
            made: std::cell::Cell::new(0),
        })
    }

    /// A subnet in a zone.
    pub(crate) async fn subnet(&self, zone: &str) -> Result<String> {
        self.subnet_of(zone, 24).await
    }

    /// A subnet with so long a prefix.
    pub(crate) async fn subnet_of(&self, zone: &str, prefix: u8) -> Result<String> {
        let cidr = format!("10.9.{}.0/{prefix}", self.made.get());
        self.made.set(self.made.get() + 1);
        let members = [("VpcId", &*self.id), ("CidrBlock", &*cidr), ("AvailabilityZone", zone)];
        let subnet = self.aws.query("ec2", EC2, "CreateSubnet", &members).await?;
        Ok(element(&subnet, "subnetId"))
    }

    /// Subnets in zones.
    pub(crate) async fn subnets(&self, zones: &[&str]) -> Result<Vec<String>> {
        let mut subnets = Vec::new();
        for zone in zones {
            subnets.push(self.subnet(zone).await?);
        }
        Ok(subnets)
    }

    /// A security group of this name.
    pub(crate) async fn group(&self, name: &str) -> Result<String> {
        let members = [
            ("VpcId", &*self.id),
            ("GroupName", name),
            ("GroupDescription", "for a test"),
        ];
        let group = self.aws.query("ec2", EC2, "CreateSecurityGroup", &members).await?;
        Ok(element(&group, "groupId"))
    }

    /// A security group.
    pub(crate) async fn any_group(&self) -> Result<String> {
        self.group(&format!("group-{}", unique())).await
    }

    /// Gives subnets a route table with a route to the Internet gateway.
    pub(crate) async fn publish(&self, subnets: &[&String]) -> Result<()> {
        let table = self
            .aws
            .query("ec2", EC2, "CreateRouteTable", &[("VpcId", &*self.id)])
            .await?;
        self.lead_out(&element(&table, "routeTableId"), subnets).await
    }

    /// Gives a route table a route to the Internet gateway, and subnets the table.
    pub(crate) async fn lead_out(&self, table: &str, subnets: &[&String]) -> Result<()> {
        let route = [
            ("RouteTableId", table),
            ("DestinationCidrBlock", "0.0.0.0/0"),
            ("GatewayId", &*self.gateway),
        ];
        self.aws.query("ec2", EC2, "CreateRoute", &route).await?;
        for subnet in subnets {
            let members = [("RouteTableId", table), ("SubnetId", subnet.as_str())];
            self.aws.query("ec2", EC2, "AssociateRouteTable", &members).await?;
        }
        Ok(())
    }

    /// Gives something a tag.
    pub(crate) async fn tag(&self, ids: &[&String], key: &str, value: &str) -> Result<()> {
        for id in ids {
            let members = [
                ("ResourceId.1", id.as_str()),
                ("Tag.1.Key", key),
                ("Tag.1.Value", value),
            ];
            self.aws.query("ec2", EC2, "CreateTags", &members).await?;
        }
        Ok(())
    }

    /// Running instances in a subnet, with these ids.
    pub(crate) async fn run(&self, subnet: &str, ids: &[String]) -> Result<()> {
        let instances: Vec<_> = ids.iter().map(|id| json!({"id": id, "subnetId": subnet})).collect();
        self.aws
            .seed(&json!({"regions": [{"region": REGION, "instances": instances}]}))
            .await
            .map(drop)
    }

    /// Launches instances in a subnet, which take an address each.
    pub(crate) async fn launch(&self, subnet: &str, count: &str) -> Result<()> {
        let members = [
            ("SubnetId", subnet),
            ("ImageId", "ami-12345678"),
            ("InstanceType", "t3.micro"),
            ("MinCount", count),
            ("MaxCount", count),
        ];
        self.aws.query("ec2", EC2, "RunInstances", &members).await.map(drop)
    }
}
