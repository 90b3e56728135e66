mod limit;
fn main() {
    let spool = std::env::args().nth(1).unwrap();
    let s = std::net::TcpStream::connect("127.0.0.1:5599").unwrap();
    eprintln!("{}", limit::run(&spool, s).unwrap());
}
