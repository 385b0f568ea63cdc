//! tokio.rs - the suite's workloads in Rust, on tokio; offline, from Debian's packages (apt-get install
//! librust-tokio-dev, and cargo of any origin):
//!
//!     cargo build --release --offline --config bench/peers/tokio/debian.toml --manifest-path bench/peers/tokio/Cargo.toml --target-dir build/bench/tokio
//!     build/bench/tokio/release/tokio-peer yield 100 30000
//!
//! One thread (the current_thread runtime). Each workload is itself a task: what block_on runs is looked
//! at only now and then. The runtime has the drivers that a workload needs: without timers and sockets
//! a turn is cheaper.
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::exit;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, Notify};
use tokio::task::{yield_now, JoinSet};
use tokio::time::{sleep, timeout};

const BUFFER: usize = 16384;
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!";

// ---------------------------------------------------------------------------- clock and memory

/// CPU time of the process, all its threads.
fn cpu_seconds() -> f64 {
    let mut used = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut used) };
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

struct Stopwatch(f64);

impl Stopwatch {
    fn start() -> Self {
        Stopwatch(cpu_seconds())
    }

    fn stop(self) -> f64 {
        cpu_seconds() - self.0
    }
}

fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("no /proc");
    let pages: f64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as f64
}

/// The same number, of which the compiler knows nothing.
fn opaque(number: i64) -> i64 {
    unsafe { std::ptr::read_volatile(&number) }
}

// --------------------------------------------------------------------------------------- tasks

/// yield_now goes by the driver when nobody else is ready, which costs a lone task twice as much as
/// waking itself would; it is what one writes.
async fn yields(tasks: usize, yields: usize) -> f64 {
    let crowd: Vec<_> = (0..tasks)
        .map(|_| {
            tokio::spawn(async move {
                for _ in 0..yields {
                    yield_now().await;
                }
            })
        })
        .collect();
    let watch = Stopwatch::start();
    for task in crowd {
        task.await.unwrap();
    }
    watch.stop()
}

async fn nothing() {}

async fn spawn_join(n: usize) -> f64 {
    let watch = Stopwatch::start();
    for _ in 0..n {
        tokio::spawn(nothing()).await.unwrap();
    }
    watch.stop()
}

async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// The compiler puts the coroutine into its caller and nothing is left to call: that is what users get
/// where it can see it. Beside it, call_boxed.
async fn call(n: usize) -> f64 {
    let mut total = 0;
    let watch = Stopwatch::start();
    for i in 0..n {
        total += opaque(add(opaque(i as i64), 1).await);
    }
    let seconds = watch.stop();
    assert_eq!(total, n as i64 * (n as i64 + 1) / 2);
    seconds
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[inline(never)]
fn add_boxed(a: i64, b: i64) -> Boxed<'static, i64> {
    Box::pin(add(a, b))
}

/// A coroutine of which the caller knows only what it gives: a method of a trait, a recursion.
async fn call_boxed(n: usize) -> f64 {
    let mut total = 0;
    let watch = Stopwatch::start();
    for i in 0..n {
        total += add_boxed(i as i64, 1).await;
    }
    let seconds = watch.stop();
    assert_eq!(total, n as i64 * (n as i64 + 1) / 2);
    seconds
}

/// A recursion needs boxes. Each yield goes through all of them.
fn deep(depth: usize, yields: usize) -> Boxed<'static, f64> {
    Box::pin(async move {
        if depth > 1 {
            return deep(depth - 1, yields).await;
        }
        let watch = Stopwatch::start();
        for _ in 0..yields {
            yield_now().await;
        }
        watch.stop()
    })
}

async fn chan(n: usize) -> f64 {
    let (ask, mut questions) = mpsc::channel::<i64>(1);
    let (answer, mut answers) = mpsc::channel::<i64>(1);
    tokio::spawn(async move {
        while let Some(item) = questions.recv().await {
            answer.send(item).await.unwrap();
        }
    });
    let watch = Stopwatch::start();
    for i in 0..n as i64 {
        ask.send(i).await.unwrap();
        assert_eq!(answers.recv().await, Some(i));
    }
    watch.stop()
}

struct Contest {
    owner: usize,
    handed: usize,
}

async fn contend(contest: Arc<tokio::sync::Mutex<Contest>>, me: usize, times: usize) {
    for _ in 0..times {
        let mut held = contest.lock().await;
        held.handed += (held.owner != me) as usize;
        held.owner = me;
        yield_now().await;
    }
}

async fn handover(n: usize) -> f64 {
    let contest = Arc::new(tokio::sync::Mutex::new(Contest {
        owner: usize::MAX,
        handed: 0,
    }));
    let watch = Stopwatch::start();
    let one = tokio::spawn(contend(contest.clone(), 0, n - n / 2));
    let other = tokio::spawn(contend(contest.clone(), 1, n / 2));
    one.await.unwrap();
    other.await.unwrap();
    let seconds = watch.stop();
    assert!(contest.lock().await.handed >= n - 1); // at the end one may be left alone
    seconds
}

async fn part() -> usize {
    yield_now().await;
    1
}

/// Two that are known run within their caller (join!), any other number as tasks.
async fn gather(members: usize, n: usize) -> f64 {
    let mut total = 0;
    let watch = Stopwatch::start();
    for _ in 0..n {
        if members == 2 {
            let (a, b) = tokio::join!(part(), part());
            total += a + b;
            continue;
        }
        let mut parts = JoinSet::new();
        for _ in 0..members {
            parts.spawn(part());
        }
        while let Some(result) = parts.join_next().await {
            total += result.unwrap();
        }
    }
    let seconds = watch.stop();
    assert_eq!(total, members * n);
    seconds
}

// -------------------------------------------------------------------------------------- timers

async fn sleepers(n: usize, ms: usize) {
    let ended = Arc::new((AtomicUsize::new(0), Notify::new()));
    let shortest = Duration::from_millis(ms as u64);
    let mut resident = -resident_bytes();
    let watch = Stopwatch::start();
    for i in 0..n {
        let ended = ended.clone();
        tokio::spawn(async move {
            sleep(shortest + shortest.mul_f64(i as f64 / n as f64)).await;
            if ended.0.fetch_add(1, Relaxed) + 1 == n {
                ended.1.notify_one();
            }
        });
    }
    yield_now().await;
    resident += resident_bytes();
    let all_slept = ended.0.load(Relaxed) == 0;
    ended.1.notified().await;
    let seconds = watch.stop();
    if all_slept {
        println!("sleepers tokio {:.1} bytes", resident / n as f64);
    } else {
        eprintln!("tokio: some woke up before all slept: for the bytes, more ms are needed");
    }
    println!("sleepers tokio {:.4} s", seconds);
}

/// So many timers, far in the future. They go when the set does.
async fn arm_pending(pending: usize) -> JoinSet<()> {
    let mut sleepers = JoinSet::new();
    for i in 0..pending {
        sleepers.spawn(sleep(Duration::from_secs(2000 + i as u64)));
    }
    yield_now().await;
    sleepers
}

/// timeout() looks at the coroutine first and never hands its timer to the driver if that is done.
async fn timeout_cancel(pending: usize, n: usize) -> f64 {
    let _pending = arm_pending(pending).await;
    let watch = Stopwatch::start();
    for _ in 0..n {
        timeout(Duration::from_secs(1000), nothing()).await.unwrap();
    }
    watch.stop()
}

/// The same, with a timer that the driver has had.
async fn timeout_armed(pending: usize, n: usize) -> f64 {
    let _pending = arm_pending(pending).await;
    let watch = Stopwatch::start();
    for _ in 0..n {
        tokio::select! {
            biased;
            _ = sleep(Duration::from_secs(1000)) => panic!("it took 1000 s"),
            _ = nothing() => (),
        }
    }
    watch.stop()
}

/// The clock of tokio's timers counts milliseconds. So a thousand of them come at each tick; CPU time
/// does not see the waits between.
async fn timeout_expire(pending: usize, n: usize) -> f64 {
    let _pending = arm_pending(pending).await;
    let crowd = n.min(1000);
    let watch = Stopwatch::start();
    let mut tasks = JoinSet::new();
    for i in 0..crowd {
        tasks.spawn(async move {
            for _ in 0..(n + i) / crowd {
                sleep(Duration::from_nanos(1)).await;
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    watch.stop()
}

// ---------------------------------------------------------------------------------------- post

const ROOM: usize = 1024;

type Callback = Box<dyn FnOnce(&mut usize) + Send>;

/// The other thread waits when it is 1024 ahead; the loop gives it room for 512 at once.
async fn post(n: usize) -> f64 {
    let room = Arc::new((Mutex::new(2), Condvar::new()));
    let (sender, mut posts) = mpsc::unbounded_channel::<Callback>();
    let watch = Stopwatch::start();
    let poster = std::thread::spawn({
        let room = room.clone();
        move || {
            for i in 0..n {
                if i % (ROOM / 2) == 0 {
                    let mut halves = room
                        .1
                        .wait_while(room.0.lock().unwrap(), |halves| *halves == 0)
                        .unwrap();
                    *halves -= 1;
                }
                sender.send(Box::new(|count| *count += 1)).ok().unwrap();
            }
        }
    });
    let mut count = 0;
    while let Some(callback) = posts.recv().await {
        callback(&mut count);
        if count % (ROOM / 2) == 0 {
            *room.0.lock().unwrap() += 1;
            room.1.notify_one();
        }
    }
    poster.join().unwrap();
    let seconds = watch.stop();
    assert_eq!(count, n);
    seconds
}

// ------------------------------------------------------------------------------------- servers

async fn serve<F>(port: usize, talk: fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], port as u16)))?;
    let listener = socket.listen(4096)?;
    println!("port {}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(talk(stream));
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n]).await?;
    }
}

fn is_last(head: &[u8]) -> bool {
    let mut lines = head.split(|&byte| byte == b'\n');
    lines.any(|line| line.eq_ignore_ascii_case(b"connection: close\r"))
}

/// By hand, as in all programs of the suite.
async fn http(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut used = 0;
    while used < BUFFER {
        let n = stream.read(&mut buffer[used..]).await?;
        if n == 0 {
            break;
        }
        used += n;
        if let Some(end) = buffer[..used]
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
        {
            stream.write_all(ANSWER).await?;
            if is_last(&buffer[..end + 2]) {
                break;
            }
            buffer.copy_within(end + 4..used, 0);
            used -= end + 4;
        }
    }
    Ok(())
}

// ---------------------------------------------------------------------------------------- ring

/// One byte is expected. After a short read tokio knows that there is no more: room for two saves the
/// read that would find nothing. Each byte is passed on by itself, so that tokens do not clot.
async fn pass_on(
    mut reader: UnixStream,
    mut writer: UnixStream,
    read: Arc<(AtomicUsize, Notify)>,
    events: usize,
) {
    let mut buffer = [0; 2];
    loop {
        let n = reader.read(&mut buffer).await.unwrap();
        let before = read.0.fetch_add(n, Relaxed);
        if before + n >= events {
            if before < events {
                read.1.notify_one();
            }
            continue;
        }
        for byte in &buffer[..n] {
            writer.write_all(std::slice::from_ref(byte)).await.unwrap();
        }
    }
}

async fn ring(pairs: usize, active: usize, events: usize) -> io::Result<()> {
    let read = Arc::new((AtomicUsize::new(0), Notify::new()));
    let mut ends = Vec::new();
    for _ in 0..pairs {
        let (reader, writer) = std::os::unix::net::UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        ends.push((reader, writer));
    }
    let mut first = Vec::new();
    for i in 0..active {
        first.push(ends[i * pairs / active].1.try_clone()?);
    }
    let (readers, mut writers): (Vec<_>, Vec<_>) = ends.into_iter().unzip();
    writers.rotate_left(1);
    for (reader, writer) in readers.into_iter().zip(writers) {
        let (reader, writer) = (UnixStream::from_std(reader)?, UnixStream::from_std(writer)?);
        tokio::spawn(pass_on(reader, writer, read.clone(), events));
    }
    for _ in 0..100 {
        yield_now().await; // the driver hears that all are writable, 1024 in a turn
    }
    let watch = Stopwatch::start();
    for mut writer in first {
        writer.write_all(b"x")?;
    }
    read.1.notified().await;
    println!("ring tokio {:.1} ns", watch.stop() * 1e9 / events as f64);
    Ok(())
}

// --------------------------------------------------------------------------------------- crawl

async fn fetch(port: u16, number: usize, buffer: &mut [u8]) -> io::Result<()> {
    let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    let request = format!(
        "GET /{} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        number
    );
    stream.write_all(request.as_bytes()).await?;
    let mut used = 0;
    loop {
        let n = stream.read(&mut buffer[used..]).await?;
        if n == 0 {
            break;
        }
        used += n;
    }
    let page = &buffer[..used];
    let end = page.windows(4).position(|four| four == b"\r\n\r\n");
    if !page.starts_with(b"HTTP/1.1 200 ") || end.map_or(true, |end| used - end - 4 != 13) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a page is not as it should be",
        ));
    }
    Ok(())
}

async fn crawl(port: usize, pages: usize, limit: usize) -> io::Result<()> {
    let next = Arc::new(AtomicUsize::new(1));
    let mut fetchers = JoinSet::new();
    let watch = Stopwatch::start();
    for _ in 0..limit {
        let next = next.clone();
        fetchers.spawn(async move {
            let mut buffer = vec![0; BUFFER];
            loop {
                let number = next.fetch_add(1, Relaxed);
                if number > pages {
                    return io::Result::Ok(());
                }
                fetch(port as u16, number, &mut buffer).await?;
            }
        });
    }
    while let Some(fetcher) = fetchers.join_next().await {
        fetcher.unwrap()?;
    }
    println!("crawl tokio {:.1} us", watch.stop() * 1e6 / pages as f64);
    Ok(())
}

// ---------------------------------------------------------------------------------------- main

const USAGE: &str = "usage: one of
    yield TASKS YIELDS
    spawn_join N
    call N
    call_boxed N
    deep DEPTH YIELDS
    chan N
    handover N
    gather MEMBERS N
    sleepers N MS
    timeout_cancel PENDING N
    timeout_armed PENDING N
    timeout_expire PENDING N
    post N
    echo PORT
    http PORT
    ring PAIRS ACTIVE EVENTS
    crawl PORT PAGES LIMIT";

/// Runs it as a task. The process ends without taking apart what is left.
fn run<T: Send + 'static>(
    runtime: &Runtime,
    workload: impl Future<Output = T> + Send + 'static,
) -> T {
    runtime.block_on(async { tokio::spawn(workload).await.unwrap() })
}

/// Warms up with a tenth; a workload gives the seconds that it took.
fn measure<F>(
    name: &str,
    builder: &mut Builder,
    operations: usize,
    n: usize,
    workload: impl Fn(usize) -> F,
) where
    F: Future<Output = f64> + Send + 'static,
{
    let runtime = builder.build().unwrap();
    run(&runtime, workload(n / 10 + 1));
    let seconds = run(&runtime, workload(n));
    println!("{} tokio {:.2} ns", name, seconds * 1e9 / operations as f64);
    exit(0);
}

fn finish(result: io::Result<()>) -> ! {
    if let Err(error) = result {
        eprintln!("tokio: {}", error);
        exit(1);
    }
    exit(0);
}

fn raise_file_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = arguments.first().map_or("", String::as_str);
    let numbers: Result<Vec<usize>, _> =
        arguments.iter().skip(1).map(|text| text.parse()).collect();
    let numbers = numbers.unwrap_or_default();
    let may_be_zero = matches!(
        name,
        "timeout_cancel" | "timeout_armed" | "timeout_expire" | "echo" | "http"
    );
    let valid = numbers
        .iter()
        .enumerate()
        .all(|(i, &number)| number > 0 || (i == 0 && may_be_zero));
    let bare = &mut Builder::new_current_thread();
    let timers = &mut Builder::new_current_thread();
    let sockets = &mut Builder::new_current_thread();
    timers.enable_time();
    sockets.enable_io();
    raise_file_limit();
    match (name, if valid { &numbers[..] } else { &[] }) {
        ("yield", &[tasks, n]) => measure(name, bare, tasks * n, n, |n| yields(tasks, n)),
        ("spawn_join", &[n]) => measure(name, bare, n, n, spawn_join),
        ("call", &[n]) => measure(name, bare, n, n, call),
        ("call_boxed", &[n]) => measure(name, bare, n, n, call_boxed),
        ("deep", &[depth, n]) => measure(name, bare, n, n, |n| deep(depth, n)),
        ("chan", &[n]) => measure(name, bare, n, n, chan),
        ("handover", &[n]) => measure(name, bare, n, n, handover),
        ("gather", &[members, n]) => measure(name, bare, members * n, n, |n| gather(members, n)),
        ("timeout_cancel", &[pending, n]) => {
            measure(name, timers, n, n, |n| timeout_cancel(pending, n))
        }
        ("timeout_armed", &[pending, n]) => {
            measure(name, timers, n, n, |n| timeout_armed(pending, n))
        }
        ("timeout_expire", &[pending, n]) => {
            measure(name, timers, n, n, |n| timeout_expire(pending, n))
        }
        ("post", &[n]) => measure(name, sockets, n, n, post),
        ("sleepers", &[n, ms]) => {
            run(&timers.build().unwrap(), sleepers(n, ms));
            exit(0);
        }
        ("echo", &[port]) => finish(run(&sockets.build().unwrap(), serve(port, echo))),
        ("http", &[port]) => finish(run(&sockets.build().unwrap(), serve(port, http))),
        ("ring", &[pairs, active, n]) => {
            finish(run(&sockets.build().unwrap(), ring(pairs, active, n)))
        }
        ("crawl", &[port, pages, limit]) => {
            finish(run(&sockets.build().unwrap(), crawl(port, pages, limit)))
        }
        _ => {
            eprintln!("{}", USAGE);
            exit(2);
        }
    }
}
