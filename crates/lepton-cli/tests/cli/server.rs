//! [`Server`]: a lepton daemon that answers from a script and remembers what it was asked.

use std::{
    collections::VecDeque,
    fmt::Debug,
    future,
    sync::{Arc, Mutex},
};

use lepton_proto::v1::{
    self as pb,
    network_manager_server::{NetworkManager, NetworkManagerServer},
};
use prost::Message;
use tempfile::TempDir;
use tokio::{net::UnixListener, task::JoinSet};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Request, Response, Status};

/// What the server does with one request.
pub(crate) enum Turn {
    /// Answers with an encoded message.
    Answer(Vec<u8>),
    /// Refuses.
    Refuse(Status),
    /// Never answers.
    Hang,
}

/// A server on a unix socket, until it is dropped.
pub(crate) struct Server {
    folder: TempDir,
    script: Arc<Script>,
    _task: JoinSet<()>,
}

/// What is still to be played, and what was asked so far.
#[derive(Default)]
pub(crate) struct Script {
    turns: Mutex<VecDeque<Turn>>,
    requests: Mutex<Vec<String>>,
}

impl<M: Message> From<M> for Turn {
    fn from(message: M) -> Self {
        Self::Answer(message.encode_to_vec())
    }
}

impl Server {
    /// Plays the turns, one for each request.
    pub(crate) fn playing(turns: impl IntoIterator<Item = Turn>) -> Self {
        let folder = TempDir::new().unwrap();
        let script = Arc::new(Script::of(turns));
        let socket = UnixListener::bind(folder.path().join("lepton.sock")).unwrap();
        let service = NetworkManagerServer::from_arc(Arc::clone(&script));
        let serving = tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(UnixListenerStream::new(socket));
        let mut task = JoinSet::new();
        task.spawn(async move { serving.await.unwrap() });
        Self { folder, script, _task: task }
    }

    /// What `--endpoint` takes.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix:{}/lepton.sock", self.folder.path().display())
    }

    /// The requests so far, in the order of their arrival.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.script.requests.lock().unwrap().clone()
    }
}

impl Script {
    /// A script with nothing asked yet.
    pub(crate) fn of(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self { turns: Mutex::new(turns.into_iter().collect()), ..Self::default() }
    }

    async fn play<Q: Debug, A: Message + Default>(&self, request: Request<Q>) -> Result<Response<A>, Status> {
        self.requests.lock().unwrap().push(format!("{:#?}", request.into_inner()));
        let turn = self.turns.lock().unwrap().pop_front();
        match turn.expect("the script has a turn for each request") {
            Turn::Answer(bytes) => Ok(Response::new(A::decode(&*bytes).unwrap())),
            Turn::Refuse(status) => Err(status),
            Turn::Hang => future::pending().await,
        }
    }
}

#[tonic::async_trait]
impl NetworkManager for Script {
    async fn create_networks(
        &self,
        request: Request<pb::CreateNetworksRequest>,
    ) -> Result<Response<pb::CreateNetworksResponse>, Status> {
        self.play(request).await
    }

    async fn delete_network(
        &self,
        request: Request<pb::DeleteNetworkRequest>,
    ) -> Result<Response<pb::DeleteNetworkResponse>, Status> {
        self.play(request).await
    }

    async fn get_network(
        &self,
        request: Request<pb::GetNetworkRequest>,
    ) -> Result<Response<pb::Network>, Status> {
        self.play(request).await
    }

    async fn list_networks(
        &self,
        request: Request<pb::ListNetworksRequest>,
    ) -> Result<Response<pb::ListNetworksResponse>, Status> {
        self.play(request).await
    }

    async fn validate_networks(
        &self,
        request: Request<pb::ValidateNetworksRequest>,
    ) -> Result<Response<pb::ValidateNetworksResponse>, Status> {
        self.play(request).await
    }

    async fn allocate_for_instance(
        &self,
        request: Request<pb::AllocateForInstanceRequest>,
    ) -> Result<Response<pb::NetworkInfo>, Status> {
        self.play(request).await
    }

    async fn deallocate_for_instance(
        &self,
        request: Request<pb::DeallocateForInstanceRequest>,
    ) -> Result<Response<pb::DeallocateForInstanceResponse>, Status> {
        self.play(request).await
    }

    async fn fence_host(
        &self,
        request: Request<pb::FenceHostRequest>,
    ) -> Result<Response<pb::FenceHostResponse>, Status> {
        self.play(request).await
    }

    async fn get_instance_nw_info(
        &self,
        request: Request<pb::GetInstanceNwInfoRequest>,
    ) -> Result<Response<pb::NetworkInfo>, Status> {
        self.play(request).await
    }
}
