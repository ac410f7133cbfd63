package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"

	"switchyard/spec"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/reconcile"
	"switchyard/switch/switchtest"
)

// A sale that only the issuer has puts a date out of balance, and is found in its book.
func TestReconcileFindsWhatDiffers(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Configure: func(c *txswitch.Config) { c.Issuers[0].Reconcile = true }})
	s.AwaitReady()
	sale := switchtest.Authorize("k1", 3450)
	sale.Op = api.OpSale
	if a := s.Do(sale); a.Err != nil || !a.Approved {
		t.Fatalf("%+v, error %v", a, a.Err)
	}
	day := s.Switch.Stats().OpenDay
	sellBehindItsBack(t, s.IssuerListens(), day)
	s.AwaitDrained()
	s.Operator("POST", "/v1/cutover", nil)
	s.Await("the issuer has answered", func() bool {
		days, err := s.API().Reconciliations(context.Background(), day)
		return err == nil && len(days) == 1 && days[0].Hosts[0].Ended
	})
	args := []string{"--operator", s.OperatorAddr, "--date", day, "--totals"}
	out, _, err := execute(t, newReconcileCmd(), append(args, "--issuer", "issuer="+s.ControlAddr)...)
	if !errors.Is(err, errNo) {
		t.Errorf("error %v, want %v", err, errNo)
	}
	for _, want := range []string{
		`(?m)^` + day + `  issuer  acquirer 400001  EUR  out of balance$`,
		`(?m)^ +debits +1 +34.50 EUR +2 +49.50 EUR +-1 +-15.00 EUR$`,
		`(?m)^  wrong  theirs only  no payment  RRN R00000000077  ours 0.00 EUR  theirs 15.00 EUR  ` +
			`the journal does not know it$`,
		`(?m)^  messages that make it: 1, which come to -15.00 EUR of -15.00 EUR$`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("nothing of the form %s in\n%s", want, out)
		}
	}
	out, _, err = execute(t, newReconcileCmd(), append(args, "--issuer", s.ControlAddr, "--json")...)
	var days []shownDay
	if failed := json.Unmarshal([]byte(out), &days); failed != nil || !errors.Is(err, errNo) || len(days) != 1 {
		t.Fatalf("as JSON: %v, error %v\n%s", failed, err, out)
	}
	f := days[0].Hosts[0].Results[0].Found
	if f == nil || f.DifferenceMinor != -1500 || f.FoundMinor != -1500 || f.Count != 1 ||
		f.Messages[0].Difference != reconcile.TheirsOnly || f.Messages[0].Late {
		t.Errorf("what was found: %+v", f)
	}
	for _, wrong := range [][]string{{"issuer="}, {"=127.0.0.1:1"}, {"issuer=127.0.0.1:1", "issuer=127.0.0.1:2"}} {
		_, _, err := execute(t, newReconcileCmd(), append(args, "--issuer", strings.Join(wrong, ","))...)
		if err == nil || errors.Is(err, errNo) || !strings.Contains(err.Error(), "expected HOST=ADDRESS") {
			t.Errorf("--issuer %v: error %v", wrong, err)
		}
	}
}

// sellBehindItsBack has an issuer approve a sale of 15.00 under a date that no switch has asked for.
func sellBehindItsBack(t *testing.T, addr, day string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var m spec.Message
	m.SetMTI("0200")
	for de, value := range map[int]string{
		2: "4111111111111111", 3: "000000", 4: "000000001500", 7: "1126083000", 11: "000077", 15: day[5:7] + day[8:10],
		32: "400001", 37: "R00000000077", 41: "TERM0001", 42: "MERCHANT1", 49: "978",
	} {
		m.Set(de, value)
	}
	codec := spec.MustCodec(spec.DefaultDialect)
	frame, err := codec.PackFrame(nil, &m)
	if err == nil {
		_, err = conn.Write(frame)
	}
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	var head [spec.LengthHeader]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint16(head[:]))
	if _, err := io.ReadFull(in, body); err != nil {
		t.Fatal(err)
	}
	if err := codec.Unpack(body, &m); err != nil || m.String(39) != "00" {
		t.Fatalf("the sale is answered %q, error %v", m.String(39), err)
	}
}
