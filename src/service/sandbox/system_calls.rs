//! System calls by seccomp (Linux 3.17): those that delivering needs, and no other.
//!
//! Out: a process none of whose threads can start a program, look into another process, mount,
//! change its user, open a raw socket or map memory that is both new and executable. A call that is
//! not listed answers EPERM rather than kill: one that was forgotten, or that a newer library
//! makes,
//! then fails like any refused call, is handled and logged, while a kill would stop delivery at
//! each start; and an intruder gets as little from the one as from the other. clone3(2) answers
//! ENOSYS, upon which C libraries use clone(2), whose flags can be looked at.
//! Diagnostics: none here.

use std::collections::BTreeMap;
use std::path::Path;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter_all_threads,
};

/// Whether this kernel has filters; nothing is confined by asking.
pub fn is_offered() -> bool {
    Path::new("/proc/sys/kernel/seccomp/actions_avail").exists()
}

/// Confines every thread of this process for ever; answers how many calls are left.
///
/// # Errors
/// The kernel has no filters, or another one of this process forbids to add one.
pub fn confine() -> Result<usize, Error> {
    let allowed = allowed()?;
    let count = allowed.len();
    let not_there = SeccompAction::Errno(error_number(libc::ENOSYS));
    let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let absent = program(clone3, SeccompAction::Allow, not_there)?;
    let refused = SeccompAction::Errno(error_number(libc::EPERM));
    let listed = program(allowed, refused, SeccompAction::Allow)?;
    // The stricter answer of the two counts; the second filter would refuse a third.
    apply_filter_all_threads(&absent)?;
    apply_filter_all_threads(&listed)?;
    Ok(count)
}

/// Rules of one call; without one, every call of that number matches.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn program(
    rules: Rules,
    otherwise: SeccompAction,
    matching: SeccompAction,
) -> Result<BpfProgram, Error> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = SeccompFilter::new(rules, otherwise, matching, architecture)?;
    Ok(filter.try_into()?)
}

fn error_number(errno: i32) -> u32 {
    errno.unsigned_abs()
}

fn allowed() -> Result<Rules, Error> {
    let all = [FILES, NETWORK, EVENTS, MEMORY, PROCESS, OLD];
    let mut rules: Rules = all.into_iter().flatten().map(|number| (*number, Vec::new())).collect();
    rules.insert(libc::SYS_socket, sockets()?);
    rules.insert(libc::SYS_socketpair, vec![rule(&[is(0, libc::AF_UNIX)])?]);
    // Threads, never a process: a thread stays in the sandbox and dies with it.
    rules.insert(libc::SYS_clone, vec![rule(&[has(0, libc::CLONE_THREAD)])?]);
    for number in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(number, vec![rule(&[has_not(2, libc::PROT_EXEC)])?]);
    }
    let own = [libc::PR_SET_NAME, libc::PR_SET_TIMERSLACK].map(|option| rule(&[is(0, option)]));
    rules.insert(libc::SYS_prctl, own.into_iter().collect::<Result<_, _>>()?);
    // abort(3) signals this process; in musl a thread of it, by a call that names no process.
    let process = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
    rules.insert(libc::SYS_tgkill, vec![rule(&[is(0, process)])?]);
    rules.insert(libc::SYS_tkill, vec![rule(&[is(1, libc::SIGABRT)])?]);
    rules.insert(libc::SYS_prlimit64, vec![rule(&[is(0, 0)])?, rule(&[is(0, process)])?]);
    // One C library has requests of int, the other of long; all of them are small.
    let requests = IO_CONTROLS.iter().filter_map(|request| i32::try_from(*request).ok());
    let controls = requests.map(|request| rule(&[is(1, request)]));
    rules.insert(libc::SYS_ioctl, controls.collect::<Result<_, _>>()?);
    Ok(rules)
}

/// Local sockets, TCP and UDP: no netlink, no packets, no raw sockets.
fn sockets() -> Result<Vec<SeccompRule>, Error> {
    /// The type without SOCK_NONBLOCK and SOCK_CLOEXEC.
    const TYPE: u64 = 0xf;
    let mut rules = Vec::new();
    for family in [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6] {
        for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM] {
            let operator = SeccompCmpOp::MaskedEq(TYPE);
            rules.push(rule(&[is(0, family), condition(1, operator, unsigned(kind))])?);
        }
    }
    Ok(rules)
}

/// An argument's number, and what it must be.
struct Wanted(u8, SeccompCmpArgLen, SeccompCmpOp, u64);

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Wanted {
    Wanted(argument, SeccompCmpArgLen::Dword, operator, value)
}

fn is(argument: u8, value: i32) -> Wanted {
    condition(argument, SeccompCmpOp::Eq, unsigned(value))
}

fn has(argument: u8, flag: i32) -> Wanted {
    condition(argument, SeccompCmpOp::MaskedEq(unsigned(flag)), unsigned(flag))
}

fn has_not(argument: u8, flag: i32) -> Wanted {
    condition(argument, SeccompCmpOp::MaskedEq(unsigned(flag)), 0)
}

/// Bit for bit, as the kernel compares the low half of an argument.
fn unsigned(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

fn rule(wanted: &[Wanted]) -> Result<SeccompRule, Error> {
    let conditions = wanted.iter().map(|Wanted(argument, length, operator, value)| {
        SeccompCondition::new(*argument, length.clone(), operator.clone(), *value)
    });
    Ok(SeccompRule::new(conditions.collect::<Result<_, _>>()?)?)
}

/// ioctl(2): non-blocking mode, bytes that are queued, and whether standard error is a terminal.
const IO_CONTROLS: [libc::Ioctl; 4] = [libc::FIONBIO, libc::FIONREAD, libc::TIOCOUTQ, libc::TCGETS];

/// Spool, state, dead letter, configuration.
const FILES: &[i64] = &[
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_flock,
    libc::SYS_fcntl,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fadvise64,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_sync_file_range,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_inotify_init1,
    libc::SYS_inotify_add_watch,
    libc::SYS_inotify_rm_watch,
    libc::SYS_memfd_create,
];

/// Receivers, name servers, the status socket, the journal and the service manager.
const NETWORK: &[i64] = &[
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept4,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_shutdown,
];

/// Waiting: reactors, timers, locks, signals.
const EVENTS: &[i64] = &[
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_ppoll,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_futex,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
];

/// The allocator; executable memory is sorted out by rules of its own.
const MEMORY: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_getrandom,
];

/// Threads and what they ask of themselves.
const PROCESS: &[i64] = &[
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_getrusage,
    // Refused by the first filter; listed, so that the answer is that filter's.
    libc::SYS_clone3,
];

/// Calls that a C library still makes where they exist; newer architectures never had them.
#[cfg(target_arch = "x86_64")]
const OLD: &[i64] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_link,
    libc::SYS_chmod,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_epoll_wait,
    libc::SYS_epoll_create,
    libc::SYS_eventfd,
    libc::SYS_inotify_init,
    libc::SYS_accept,
    libc::SYS_getrlimit,
    libc::SYS_time,
];

/// As above.
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[i64] = &[libc::SYS_accept];
