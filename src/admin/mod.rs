//! The status socket.
