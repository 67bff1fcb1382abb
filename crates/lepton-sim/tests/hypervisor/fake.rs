//! A server that remembers just enough to tell whether a hypervisor behaves.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use lepton_proto::v1::{
    self,
    network_manager_server::{NetworkManager, NetworkManagerServer},
};
use lepton_types::InstanceId;
use tempfile::TempDir;
use tokio::{net::UnixListener, task::JoinSet};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Request, Response, Status, transport::Server};

/// A running server; it ends when this is dropped.
pub(crate) struct Fake {
    directory: TempDir,
    memory: Arc<Mutex<Memory>>,
    _server: JoinSet<()>,
}

#[derive(Default)]
struct Memory {
    alive: BTreeMap<String, v1::NetworkInfo>,
    lives: BTreeMap<String, u64>,
    answers: BTreeMap<String, v1::NetworkInfo>,
    answers_to_lose: u32,
}

struct Service(Arc<Mutex<Memory>>);

impl Fake {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("fake.sock")).unwrap();
        let memory = Arc::new(Mutex::new(Memory::default()));
        let service = NetworkManagerServer::new(Service(memory.clone()));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let incoming = UnixListenerStream::new(listener);
            Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
        });
        Self { directory, memory, _server: server }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("unix:{}", self.directory.path().join("fake.sock").display())
    }

    pub(crate) fn alive(&self) -> u64 {
        self.memory().alive.len().try_into().unwrap()
    }

    pub(crate) fn has(&self, instance: InstanceId) -> bool {
        self.memory().alive.contains_key(&instance.to_string())
    }

    /// The next life of each instance is its first one again.
    pub(crate) fn forget_lives(&self) {
        self.memory().lives.clear();
    }

    pub(crate) fn change_mac_of(&self, instance: InstanceId) {
        let mut memory = self.memory();
        memory.alive.get_mut(&instance.to_string()).unwrap().vifs[0].mac_address = "fa:16:3e:ff:ff:ff".into();
    }

    /// The next `count` allocations are done, but their answers never arrive.
    pub(crate) fn lose_next_answers(&self, count: u32) {
        self.memory().answers_to_lose = count;
    }

    pub(crate) fn request_ids(&self) -> BTreeSet<String> {
        self.memory().answers.keys().cloned().collect()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }
}

impl Memory {
    fn allocate(&mut self, request: v1::AllocateForInstanceRequest) -> Result<v1::NetworkInfo, Status> {
        if let Some(answer) = self.answers.get(&request.request_id) {
            return Ok(answer.clone());
        }
        if self.alive.contains_key(&request.instance_id) {
            return Err(Status::already_exists("it lives"));
        }
        let life = self.lives.entry(request.instance_id.clone()).or_default();
        *life += 1;
        let vif = v1::Vif { mac_address: "fa:16:3e:00:00:01".into(), ..Default::default() };
        let info = v1::NetworkInfo {
            instance_id: request.instance_id.clone(),
            incarnation: *life,
            host: request.host,
            // Who says how its ports are to be plugged would look for them, and nobody plugs them.
            vifs: if request.binding.is_some() { vec![] } else { vec![vif] },
            destination: String::new(),
        };
        self.alive.insert(request.instance_id, info.clone());
        self.answers.insert(request.request_id, info.clone());
        Ok(info)
    }

    fn change(
        &mut self,
        instance: &str,
        change: impl FnOnce(&mut v1::NetworkInfo),
    ) -> Result<Response<v1::NetworkInfo>, Status> {
        let info = self.alive.get_mut(instance).ok_or_else(|| Status::not_found("no such instance"))?;
        change(info);
        Ok(Response::new(info.clone()))
    }
}

#[tonic::async_trait]
impl NetworkManager for Service {
    async fn allocate_for_instance(
        &self,
        request: Request<v1::AllocateForInstanceRequest>,
    ) -> Result<Response<v1::NetworkInfo>, Status> {
        let mut memory = self.0.lock().unwrap();
        let info = memory.allocate(request.into_inner())?;
        if memory.answers_to_lose > 0 {
            memory.answers_to_lose -= 1;
            return Err(Status::unavailable("the answer was lost"));
        }
        Ok(Response::new(info))
    }

    async fn deallocate_for_instance(
        &self,
        request: Request<v1::DeallocateForInstanceRequest>,
    ) -> Result<Response<v1::DeallocateForInstanceResponse>, Status> {
        let ended = self.0.lock().unwrap().alive.remove(&request.into_inner().instance_id);
        let released_port_ids = ended.iter().flat_map(|info| &info.vifs).map(|vif| vif.id.clone()).collect();
        Ok(Response::new(v1::DeallocateForInstanceResponse { released_port_ids }))
    }

    async fn get_instance_nw_info(
        &self,
        request: Request<v1::GetInstanceNwInfoRequest>,
    ) -> Result<Response<v1::NetworkInfo>, Status> {
        let found = self.0.lock().unwrap().alive.get(&request.into_inner().instance_id).cloned();
        found.map(Response::new).ok_or_else(|| Status::not_found("no such instance"))
    }

    async fn migrate_instance_start(
        &self,
        request: Request<v1::MigrateInstanceStartRequest>,
    ) -> Result<Response<v1::NetworkInfo>, Status> {
        let request = request.into_inner();
        self.0.lock().unwrap().change(&request.instance_id, |info| info.destination = request.dest)
    }

    async fn migrate_instance_finish(
        &self,
        request: Request<v1::MigrateInstanceFinishRequest>,
    ) -> Result<Response<v1::NetworkInfo>, Status> {
        let request = request.into_inner();
        self.0.lock().unwrap().change(&request.instance_id, |info| {
            info.host = request.dest;
            info.destination.clear();
        })
    }

    async fn setup_networks_on_host(
        &self,
        request: Request<v1::SetupNetworksOnHostRequest>,
    ) -> Result<Response<v1::NetworkInfo>, Status> {
        let request = request.into_inner();
        self.0.lock().unwrap().change(&request.instance_id, |info| info.destination.clear())
    }

    async fn fence_host(
        &self,
        _: Request<v1::FenceHostRequest>,
    ) -> Result<Response<v1::FenceHostResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn create_networks(
        &self,
        _: Request<v1::CreateNetworksRequest>,
    ) -> Result<Response<v1::CreateNetworksResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn delete_network(
        &self,
        _: Request<v1::DeleteNetworkRequest>,
    ) -> Result<Response<v1::DeleteNetworkResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn get_network(&self, _: Request<v1::GetNetworkRequest>) -> Result<Response<v1::Network>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn list_networks(
        &self,
        _: Request<v1::ListNetworksRequest>,
    ) -> Result<Response<v1::ListNetworksResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn validate_networks(
        &self,
        _: Request<v1::ValidateNetworksRequest>,
    ) -> Result<Response<v1::ValidateNetworksResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn carve_networks(
        &self,
        _: Request<v1::CarveNetworksRequest>,
    ) -> Result<Response<v1::CreateNetworksResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn modify_network(
        &self,
        _: Request<v1::ModifyNetworkRequest>,
    ) -> Result<Response<v1::Network>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn associate_network(
        &self,
        _: Request<v1::AssociateNetworkRequest>,
    ) -> Result<Response<v1::Network>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn disassociate_network(
        &self,
        _: Request<v1::DisassociateNetworkRequest>,
    ) -> Result<Response<v1::Network>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn get_instance_nw_info_json(
        &self,
        _: Request<v1::GetInstanceNwInfoJsonRequest>,
    ) -> Result<Response<v1::GetInstanceNwInfoJsonResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }
}
