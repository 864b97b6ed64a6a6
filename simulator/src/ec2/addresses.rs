//! Addresses of subnets: blocks, and who has which.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::state::{Ec2, Subnet, Tags};

/// An IPv4 block. AWS takes any address of it for its first.
pub(crate) fn parse_cidr(text: &str) -> Option<Ipv4Net> {
    text.parse().ok().map(|block: Ipv4Net| block.trunc())
}

/// Whether two blocks have addresses in common: one of them is then within the other.
pub(crate) fn overlap(a: Ipv4Net, b: Ipv4Net) -> bool {
    a.contains(&b) || b.contains(&a)
}

/// How many addresses of a block instances can have: AWS keeps five.
pub(crate) fn usable_addresses(cidr: &str) -> u32 {
    let beyond_first = |block: Ipv4Net| u32::from(block.broadcast()) - u32::from(block.network());
    parse_cidr(cidr).map_or(0, beyond_first).saturating_sub(4)
}

impl Subnet {
    /// A subnet of which no address is taken; the first four and the last are AWS's own.
    pub(crate) fn new(vpc_id: &str, zone: String, cidr: String) -> Self {
        Self {
            vpc_id: vpc_id.to_owned(),
            zone,
            cidr,
            default_for_zone: false,
            public_ip_on_launch: false,
            used: 0,
            taken: 0,
            reserved: 0,
            tags: Tags::new(),
        }
    }

    /// How many addresses are left.
    pub(crate) fn free_addresses(&self) -> u32 {
        let taken = self.taken.saturating_add(self.reserved);
        usable_addresses(&self.cidr).saturating_sub(taken)
    }

    /// The next address; after the last one it begins again.
    fn next_address(&mut self) -> Ipv4Addr {
        let base = parse_cidr(&self.cidr).map_or(0, |block| block.network().into());
        let offset = 4 + self.used % usable_addresses(&self.cidr).max(1);
        self.used = self.used.saturating_add(1);
        Ipv4Addr::from(base.saturating_add(offset))
    }
}

impl Ec2 {
    /// An address for a new instance; `None` when there is no such subnet.
    pub(super) fn take_address(&mut self, subnet_id: &str) -> Option<Ipv4Addr> {
        let subnet = self.subnets.get_mut(subnet_id)?;
        let usable = usable_addresses(&subnet.cidr);
        let mut address = subnet.next_address();
        // Once all were handed out, those that still live have to be passed over; a seed can overfill a subnet.
        if subnet.used > usable && subnet.taken < usable {
            let living = self
                .instances
                .values()
                .filter(|it| it.subnet_id == subnet_id && !it.is_gone());
            let held: HashSet<Ipv4Addr> = living.map(|it| it.private_ip).collect();
            for _ in 0..usable {
                if !held.contains(&address) {
                    break;
                }
                address = subnet.next_address();
            }
        }
        subnet.taken = subnet.taken.saturating_add(1);
        Some(address)
    }

    /// The address of a terminated instance is free again.
    pub(super) fn give_back_address(&mut self, subnet_id: &str) {
        if let Some(subnet) = self.subnets.get_mut(subnet_id) {
            subnet.taken = subnet.taken.saturating_sub(1);
        }
    }
}
