//! What the kernel knows of a connection that no safe interface tells.
//!
//! In: a connected TCP socket. Out: [`Counters`]. The only module with `unsafe` code.
//!
//! Diagnostics: none; errors of the two calls are returned.
#![expect(
    unsafe_code,
    reason = "TCP_INFO and SIOCOUTQ have no safe wrapper in std, nix or socket2"
)]

use std::io;
use std::mem::size_of_val;
use std::os::fd::{AsFd, AsRawFd};

/// Offset of `tcpi_bytes_acked` in `struct tcp_info` (linux/tcp.h; fields are only ever added at
/// the end): 8 bytes of flags, 24 fields of 4 bytes, two pacing rates of 8. Since Linux 4.1.
const BYTES_ACKED_OFFSET: usize = 120;

/// Offset of `tcpi_snd_wnd`, the peer's advertised window in bytes. Since Linux 5.4.
const SEND_WINDOW_OFFSET: usize = 228;

/// `tcpi_state`, and two of its values (include/net/tcp_states.h).
const STATE_OFFSET: usize = 0;
const CLOSE_WAIT: u8 = 8;
const LAST_ACK: u8 = 9;

/// Larger than `struct tcp_info` is today (280 bytes): the kernel cuts what does not fit.
const TCP_INFO_BYTES_MAX: usize = 512;

nix::ioctl_read_bad!(
    /// SIOCOUTQ (tcp(7)) is TIOCOUTQ by another name: bytes not acknowledged, sent or not.
    siocoutq,
    libc::TIOCOUTQ,
    libc::c_int
);

/// One look at a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Sequence numbers acknowledged since the handshake began, the SYN and a FIN included; `None`
    /// on a kernel that does not count them.
    pub bytes_acked: Option<u64>,
    /// The window that the peer advertises now; `None` on a kernel that does not tell.
    pub window: Option<u32>,
    /// Bytes in the send queue that are not acknowledged.
    pub unacknowledged: u64,
    /// The peer's FIN came while ours was not out: the state is CLOSE-WAIT or LAST-ACK (RFC 9293,
    /// section 3.3.2).
    pub peer_ended_first: bool,
}

/// Looks.
///
/// # Errors
/// Those of getsockopt(2) and ioctl(2): the descriptor is no connected TCP socket.
pub fn counters(socket: &impl AsFd) -> io::Result<Counters> {
    let socket = socket.as_fd().as_raw_fd();
    let mut info = [0_u8; TCP_INFO_BYTES_MAX];
    let mut length = libc::socklen_t::try_from(size_of_val(&info)).unwrap_or(0);
    // SAFETY: `info` is writable for `length` bytes and outlives the call, the kernel writes at
    // most `length` bytes into it and then the number written to `length`; any bytes are valid u8.
    let result = unsafe {
        libc::getsockopt(
            socket,
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let info = info.get(..usize::try_from(length).unwrap_or(0)).unwrap_or(&[]);
    let mut queued: libc::c_int = 0;
    // SAFETY: SIOCOUTQ writes one int through the pointer, which is valid and unaliased here.
    unsafe { siocoutq(socket, &raw mut queued) }?;
    Ok(Counters {
        bytes_acked: field(info, BYTES_ACKED_OFFSET).map(u64::from_ne_bytes),
        window: field(info, SEND_WINDOW_OFFSET).map(u32::from_ne_bytes),
        unacknowledged: u64::try_from(queued).unwrap_or(0),
        peer_ended_first: field::<1>(info, STATE_OFFSET)
            .is_some_and(|[state]| matches!(state, CLOSE_WAIT | LAST_ACK)),
    })
}

/// `N` bytes at `offset`, if the kernel returned that many.
fn field<const N: usize>(info: &[u8], offset: usize) -> Option<[u8; N]> {
    info.get(offset..)?.first_chunk().copied()
}
