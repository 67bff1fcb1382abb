//! What a caller does with addresses: floating IPs that come and go, and further fixed IPs.

use lepton_proto::v1;
use tokio::time;
use tonic::Code;

use super::{Broken, Caller, Outcome, QUIET, reason, subnets};

impl Caller {
    /// Gives an instance a floating IP, or takes it away.
    pub(super) async fn float(&mut self) -> Outcome<()> {
        let place = self.chance.number(0..self.guests.len());
        if let Some(address) = self.guests[place].floating.take() {
            return self.release(address).await;
        }
        let Some(fixed_ip) = an_ipv4_address(&self.guests[place].info) else { return Ok(()) };
        let allocate = v1::AllocateFloatingIpRequest {
            project_id: self.project.to_owned(),
            request_id: self.chance.uuid().to_string(),
            ..v1::AllocateFloatingIpRequest::default()
        };
        let allocated = self.insist(
            || (self.floating_ips.clone(), allocate.clone()),
            |(mut client, request)| async move { client.allocate_floating_ip(request).await },
        );
        let address = match allocated.await {
            Ok(floating) => floating.address,
            Err(status) if status.code() == Code::ResourceExhausted => return Ok(()),
            Err(status) => return Err(Broken(format!("no floating IP: {status:?}"))),
        };
        let associate = v1::AssociateFloatingIpRequest {
            address: address.clone(),
            fixed_ip: fixed_ip.clone(),
            instance_id: self.guests[place].info.instance_id.clone(),
            request_id: self.chance.uuid().to_string(),
            ..v1::AssociateFloatingIpRequest::default()
        };
        let led = self.insist(
            || (self.floating_ips.clone(), associate.clone()),
            |(mut client, request)| async move { client.associate_floating_ip(request).await },
        );
        let led = led
            .await
            .map_err(|status| Broken(format!("{address} does not lead to {fixed_ip}: {status:?}")))?;
        let led_to = led.floating_ip.map(|floating| floating.fixed_ip).unwrap_or_default();
        if led_to != fixed_ip {
            return Err(Broken(format!("{address} leads to {led_to:?} and not to {fixed_ip}")));
        }
        self.guests[place].floating = Some(address);
        self.done.others += 1;
        Ok(())
    }

    pub(super) async fn release(&mut self, address: String) -> Outcome<()> {
        let request = v1::ReleaseFloatingIpRequest {
            address: address.clone(),
            disassociate: true,
            request_id: self.chance.uuid().to_string(),
            ..v1::ReleaseFloatingIpRequest::default()
        };
        let released = self.insist(
            || (self.floating_ips.clone(), request.clone()),
            |(mut client, request)| async move { client.release_floating_ip(request).await },
        );
        released.await.map_err(|status| Broken(format!("{address} is not released: {status:?}")))?;
        self.done.others += 1;
        Ok(())
    }

    /// Gives an instance a further address, or takes one away.
    pub(super) async fn change_addresses(&mut self) -> Outcome<()> {
        let place = self.chance.number(0..self.guests.len());
        let info = self.guests[place].info.clone();
        let Some(network) = info.vifs.first().and_then(|vif| vif.network.clone()) else { return Ok(()) };
        let addresses = || network.subnets.iter().flat_map(|subnet| &subnet.fixed_ips);
        let is_many = addresses().filter(|address| address.contains('.')).count() > 1;
        let changed = if is_many {
            let last = addresses().rfind(|address| address.contains('.')).expect("there are some");
            let floating = self.guests[place].floating.is_some();
            if floating {
                return Ok(());
            }
            let request = v1::RemoveFixedIpRequest {
                instance_id: info.instance_id.clone(),
                address: last.clone(),
                request_id: self.chance.uuid().to_string(),
                ..v1::RemoveFixedIpRequest::default()
            };
            self.insist(
                || (self.fixed_ips.clone(), request.clone()),
                |(mut client, request)| async move { client.remove_fixed_ip(request).await },
            )
            .await
        } else {
            let request = v1::AddFixedIpRequest {
                instance_id: info.instance_id.clone(),
                network_id: network.id.clone(),
                request_id: self.chance.uuid().to_string(),
                ..v1::AddFixedIpRequest::default()
            };
            self.insist(
                || (self.fixed_ips.clone(), request.clone()),
                |(mut client, request)| async move { client.add_fixed_ip(request).await },
            )
            .await
        };
        match changed {
            Ok(info) => {
                self.guests[place].info = info;
                self.done.others += 1;
                self.look(&self.guests[place].clone()).await
            }
            Err(status) if reason(&status) == "NO_MORE_FIXED_IPS" => {
                time::sleep(QUIET).await; // as after a boot that was refused
                let now = self.info(&info.instance_id).await;
                let now =
                    now.map_err(|status| Broken(format!("{info:?} was acknowledged, and yet: {status:?}")))?;
                self.guests[place].info = now;
                Ok(())
            }
            Err(status) => Err(Broken(format!("the addresses of {info:?} are not changed: {status:?}"))),
        }
    }
}

fn an_ipv4_address(info: &v1::NetworkInfo) -> Option<String> {
    let mut addresses = subnets(info).flat_map(|subnet| &subnet.fixed_ips);
    addresses.find(|address| address.contains('.')).cloned()
}
