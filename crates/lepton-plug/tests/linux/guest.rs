//! Guests: [`Container`]s in namespaces, which have a network stack, and [`Vm`]s, which send frame by frame.

use std::{
    io::Read,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::{task::JoinSet, time::timeout};
use tun_rs::{AsyncDevice, DeviceBuilder, Layer};

use crate::{
    frame,
    world::{device, run},
};

/// A network namespace that stands in for a container.
pub(crate) struct Container {
    name: &'static str,
    /// The namespace's file.
    pub(crate) netns: String,
}

impl Container {
    pub(crate) fn new(name: &'static str) -> Self {
        run("ip", &["netns", "add", name]);
        Self { name, netns: format!("/run/netns/{name}") }
    }

    pub(crate) fn stop(self) {
        run("ip", &["netns", "del", self.name]);
    }

    /// Lets the namespace live on under another path, and nothing be under its own.
    pub(crate) fn elsewhere(self, name: &'static str) -> Self {
        let netns = format!("/run/netns/{name}");
        run("touch", &[&netns]);
        run("mount", &["--bind", &self.netns, &netns]);
        self.stop();
        Self { name, netns }
    }

    /// Sets port `number`'s inner end up with its addresses, as a container runtime does.
    pub(crate) fn configure(&self, number: u8) {
        self.ip(&["addr", "add", &format!("10.0.0.{number}/24"), "dev", "eth0"]);
        self.ip(&["addr", "add", &format!("fd00::{number:x}/64"), "dev", "eth0", "nodad"]);
        self.ip(&["link", "set", "eth0", "up"]);
    }

    /// Runs `ip` in the namespace.
    pub(crate) fn ip(&self, arguments: &[&str]) -> String {
        self.run("ip", arguments)
    }

    pub(crate) fn ip_json(&self, arguments: &[&str]) -> Value {
        let all: Value = serde_json::from_str(&self.ip(&[&["-d", "-j"], arguments].concat())).unwrap();
        all[0].clone()
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        run("nsenter", &[&[&*format!("--net={}", self.netns), program], arguments].concat())
    }

    /// Pings another container over IPv4 and IPv6 until it answers; fails when it does not within `limit`.
    pub(crate) async fn ping(&self, other: &Self, limit: Duration) {
        for address in [other.address("inet"), other.address("inet6")] {
            let limit = limit.as_secs().to_string();
            self.run("ping", &["-n", "-c", "1", "-i", "0.05", "-w", &limit, &address]);
        }
    }

    /// Sends a ping from an address that is not the container's; nobody may answer it.
    pub(crate) async fn send_from_foreign_address(&self, other: &Self) {
        self.ip(&["addr", "add", "10.0.0.77/24", "dev", "eth0"]);
        // Both know each other's MACs already, so it is the IPv4 packet that is sent and dropped.
        let netns = format!("--net={}", self.netns);
        let arguments =
            [&*netns, "ping", "-n", "-c", "1", "-W", "0.1", "-I", "10.0.0.77", &other.address("inet")];
        assert!(!Command::new("nsenter").args(arguments).stdout(Stdio::null()).status().unwrap().success());
        self.ip(&["addr", "del", "10.0.0.77/24", "dev", "eth0"]);
    }

    /// Begins to send `count` pings, a thousand a second.
    pub(crate) fn flood(&self, other: &Self, count: u32) -> Flood {
        let netns = format!("--net={}", self.netns);
        let child = Command::new("nsenter")
            .args([
                &*netns,
                "ping",
                "-n",
                "-q",
                "-i",
                "0.001",
                "-c",
                &count.to_string(),
                "-w",
                "60",
                &other.address("inet"),
            ])
            .stdout(Stdio::piped())
            .spawn();
        Flood { child: child.unwrap(), count }
    }

    fn address(&self, family: &str) -> String {
        let found = self.ip_json(&["addr", "show", "dev", "eth0"]);
        let mut addresses = found["addr_info"].as_array().unwrap().iter();
        let global = addresses.find(|address| address["family"] == family && address["scope"] == "global");
        global.unwrap()["local"].as_str().unwrap().to_owned()
    }
}

/// A folder in which nothing can be looked up: whoever tries waits until this is dropped.
pub(crate) struct StuckFolder {
    server: Child,
}

impl StuckFolder {
    /// Mounts a file system (FUSE) whose server never answers; none where that is not allowed.
    pub(crate) fn mount(path: &str) -> Option<Self> {
        run("mkdir", &[path]);
        let options = "fd=3,rootmode=40000,user_id=0,group_id=0";
        let script = format!(
            "exec 3<>/dev/fuse && mount -i -t fuse -o {options} stuck {path} && echo mounted && exec sleep 600"
        );
        let mut server = Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = [0; 7];
        let is_mounted = server.stdout.take().unwrap().read_exact(&mut said).is_ok();
        let folder = Self { server };
        is_mounted.then_some(folder)
    }
}

impl Drop for StuckFolder {
    fn drop(&mut self) {
        let killed = self.server.kill().and_then(|()| self.server.wait());
        assert!(killed.is_ok() || std::thread::panicking(), "{killed:?}");
    }
}

/// Pings that are under way.
pub(crate) struct Flood {
    child: Child,
    count: u32,
}

impl Flood {
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn assert_none_lost(self) {
        let output = self.child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let all = format!("{0} packets transmitted, {0} received, 0% packet loss", self.count);
        assert!(text.contains(&all), "{text}");
    }
}

/// Frames that are being sent.
pub(crate) struct Sending {
    is_over: Arc<AtomicBool>,
    task: JoinSet<(Vm, u64)>,
}

impl Sending {
    /// Ends it after the round that is under way; answers how many rounds there were.
    pub(crate) async fn stop(mut self) -> (Vm, u64) {
        self.is_over.store(true, Ordering::Relaxed);
        self.task.join_next().await.unwrap().unwrap()
    }
}

/// A tap opened as a hypervisor would.
pub(crate) struct Vm {
    number: u8,
    tap: AsyncDevice,
    /// Bytes before each frame: the header of a tap with offloads (Linux `struct virtio_net_hdr`), or none.
    header: usize,
    /// What makes the next frame differ from those before it.
    marks: AtomicU32,
}

impl Vm {
    pub(crate) fn boot(number: u8) -> Self {
        Self::open(number, false)
    }

    pub(crate) fn boot_with_offloads(number: u8) -> Self {
        Self::open(number, true)
    }

    fn open(number: u8, offload: bool) -> Self {
        let builder = DeviceBuilder::new().name(device(number)).layer(Layer::L2).offload(offload);
        let tap = builder.inherit_enable_state().build_async().unwrap();
        Self { number, tap, header: if offload { 10 } else { 0 }, marks: AtomicU32::new(2) }
    }

    /// Sends honest frames until one arrives: the bridge forwards once it has seen the carriers of both.
    pub(crate) async fn until_reaches(&self, other: &Self) {
        let hello = frame::arp_request(self.number, 1);
        let reached = async {
            loop {
                self.send(&hello).await;
                if let Ok(()) = timeout(Duration::from_millis(20), other.hears(&hello)).await {
                    return;
                }
            }
        };
        timeout(Duration::from_secs(10), reached).await.expect("the bridge forwards");
    }

    /// Whether `other` hears a frame that is sent now. A frame that passes for certain is sent after it: a bridge keeps
    /// the order, so what has not come before that one will not come.
    pub(crate) async fn is_heard_by(&self, other: &Self, frame: &[u8]) -> bool {
        self.is_heard_before(self, other, frame).await
    }

    /// The same, where it is `last` who sends what passes for certain.
    pub(crate) async fn is_heard_before(&self, last: &Self, other: &Self, frame: &[u8]) -> bool {
        self.send(frame).await;
        last.heard_so_far(other).await.iter().any(|heard| heard == frame)
    }

    /// What comes back when a frame is sent: all that is heard until `other` is. A host answers while it takes the frame.
    pub(crate) async fn answers(&self, frame: &[u8], other: &Self) -> Vec<Vec<u8>> {
        self.send(frame).await;
        other.heard_so_far(self).await
    }

    /// Begins to send these frames, again and again and without pause.
    pub(crate) fn flood(self, frames: Vec<Vec<u8>>) -> Sending {
        let is_over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&is_over);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut rounds = 0;
            while !until.load(Ordering::Relaxed) {
                for frame in &frames {
                    self.send(frame).await;
                }
                rounds += 1;
            }
            (self, rounds)
        });
        Sending { is_over, task }
    }

    /// All that `other` has heard and not been asked for yet, up to a frame that is sent now and passes for certain.
    pub(crate) async fn heard_so_far(&self, other: &Self) -> Vec<Vec<u8>> {
        let end = frame::arp_request(self.number, self.marks.fetch_add(1, Ordering::Relaxed));
        self.send(&end).await;
        let mut all = Vec::new();
        let ended = async {
            loop {
                let heard = other.hear().await;
                if heard == end {
                    return all;
                }
                all.push(heard);
            }
        };
        timeout(Duration::from_secs(10), ended)
            .await
            .expect("the last frame passes, and others do not fill the tap's queue")
    }

    async fn send(&self, frame: &[u8]) {
        let bytes = [vec![0; self.header], frame.to_vec()].concat();
        self.tap.send(&bytes).await.unwrap();
    }

    async fn hears(&self, frame: &[u8]) {
        while self.hear().await != frame {}
    }

    async fn hear(&self) -> Vec<u8> {
        let mut bytes = vec![0; 65_536];
        let length = self.tap.recv(&mut bytes).await.unwrap();
        bytes[self.header..length].to_vec()
    }
}
