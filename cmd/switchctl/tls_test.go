package main

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// tlsInFront serves TLS in front of a port. It returns the address, and a file in dir with the certificate, which is
// that of net/http/httptest for 127.0.0.1.
func tlsInFront(t *testing.T, port, dir string) (address, caFile string) {
	t.Helper()
	web := httptest.NewTLSServer(nil)
	certificates, leaf := web.TLS.Certificates, web.Certificate()
	web.Close()
	caFile = filepath.Join(dir, "tls-ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})
	if err := os.WriteFile(caFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go relay(conn, port)
		}
	}()
	return l.Addr().String(), caFile
}

// relay joins a connection to a port until either end closes.
func relay(conn net.Conn, port string) {
	defer conn.Close()
	to, err := net.Dial("tcp", port)
	if err != nil {
		return
	}
	defer to.Close()
	go func() {
		_, _ = io.Copy(to, conn)
		to.Close()
	}()
	_, _ = io.Copy(conn, to)
}
