// Package capture takes bytes out of what people have of a connection: the bytes themselves, hex, base64, literals of C
// and Python, hex dumps of loggers with offsets and text, and pcap files, whose TCP streams it puts together.
//
// Whether a text is hex or the message itself, its form does not always tell: 0800 may be both. So Ways returns every
// form that a file may be in, the likelier ones last, and who knows ISO 8583 chooses; As takes it for one form and says
// what is wrong with it, with line and column, or offset.
//
// It guarantees that no input takes it down, that what a dump's offsets, a literal's ranges or a packet's lengths say
// is held to, and that a stream in which bytes were lost is cut there: Stream.Lost says so.
//
// Files: capture.go (forms), text.go (hex, base64), literal.go, dump.go; pcap.go (pcap and pcapng), packet.go
// (Ethernet, IP, TCP) and stream.go (segments to streams). The pcap reader is our own: some hundred lines of what is
// needed here, against gopacket, which brings every protocol there is.
package capture
