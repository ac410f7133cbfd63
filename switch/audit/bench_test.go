package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"switchyard/internal/pan"
	"switchyard/switch/audit"
	"switchyard/switch/clearing"
)

// BenchmarkRun audits payments of one authorization and one capture each, every one with a card and keys of its own. It
// reports the time and the memory that a payment takes; -benchtime=1000000x is an audit of a million.
func BenchmarkRun(b *testing.B) {
	var file, rows bytes.Buffer
	detail := clearing.NewDetailWriter(&rows)
	out, err := clearing.NewWriter(&file, clearing.Header{FileID: fileID(monday)})
	if err != nil {
		b.Fatal(err)
	}
	for n := range b.N {
		id := fmt.Sprintf("P1%010d", n)
		record := &clearing.Presentment{
			PAN: benchCard(n), AmountMinor: 400, Currency: "EUR", LocalTime: dayOf(monday).Add(12 * time.Hour),
			POSDataCode: "000050S00000", FunctionCode: "200", MCC: "5999", ARN: benchARN(n), ForwarderID: "00000012345",
			RRN:      benchRRN(n),
			AuthCode: "A00001", Merchant: merchantID, Acceptor: clearing.Acceptor{Name: "Shop", CountryAlpha3: "IRL"},
			TerminalType: "CT6", ECommerceLevel: "210", NetworkID: fmt.Sprintf("N%d", n), PaymentID: id, CaptureID: id + "-1",
			Reference: fmt.Sprintf("order %d", n), Key: fmt.Sprintf("c%d", n), Sequence: 1, Count: 2, MessageReason: "1403",
			AcceptedAt: dayOf(monday).Add(12 * time.Hour), MerchantName: "Shop",
		}
		if err := errors.Join(out.Write(record), detail.Write(record)); err != nil {
			b.Fatal(err)
		}
	}
	if err := detail.Close(); err != nil {
		b.Fatal(err)
	}
	if _, err := out.Close(); err != nil {
		b.Fatal(err)
	}
	before := heap()
	var peak uint64
	readings := 0
	src := audit.Sources{
		Switch: func(context.Context) (io.ReadCloser, error) {
			readings++
			return &generator{left: b.N, line: benchPayment, atEnd: func() {
				if readings == 2 {
					b.StopTimer()
					peak = heap()
					b.StartTimer()
				}
			}}, nil
		},
		Authorizations: func(context.Context, []string) (io.ReadCloser, error) {
			return &generator{left: b.N, line: benchHolding, atEnd: func() {}}, nil
		},
		Files: func(context.Context) ([]audit.File, error) {
			part := func(b *bytes.Buffer) audit.Open {
				return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }
			}
			return []audit.File{{Name: "1", Open: part(&file), Detail: part(&rows)}}, nil
		},
	}
	b.ResetTimer()
	report, err := audit.Run(b.Context(), src, audit.Options{})
	if err != nil {
		b.Fatal(err)
	}
	delete(report.ByKind, audit.FileMissing) // it has no summary and no manifest, which stand for no payment
	if len(report.ByKind) > 0 || report.Payments != b.N || report.Presentments != b.N {
		b.Fatalf("%d payments, %d presentments, differences %v", report.Payments, report.Presentments, report.ByKind)
	}
	b.ReportMetric(float64(peak-min(peak, before))/float64(b.N), "heap-B/op")
	runtime.KeepAlive(&file)
	runtime.KeepAlive(&rows)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// generator is an export that is made while it is read.
type generator struct {
	n, left int
	line    func(n int) string
	buf     bytes.Buffer
	atEnd   func()
}

func (g *generator) Read(p []byte) (int, error) {
	for g.buf.Len() == 0 {
		if g.left == 0 {
			g.atEnd()
			return 0, io.EOF
		}
		g.left--
		g.buf.WriteString(g.line(g.n))
		g.n++
	}
	return g.buf.Read(p)
}

func (g *generator) Close() error { return nil }

func benchCard(n int) string {
	digits := fmt.Sprintf("400000%09d", n)
	return digits + string(pan.LuhnDigit(digits))
}

func benchARN(n int) string {
	digits := fmt.Sprintf("14000016320%011d", n)
	return digits + string(pan.LuhnDigit(digits))
}

func benchRRN(n int) string { return fmt.Sprintf("63200%07d", n) }

func benchPayment(n int) string {
	return fmt.Sprintf(`{"payment":"P1%010d","version":3,"merchant":%q,"currency":"EUR","pan":%q,`+
		`"entry":"ecommerce","reference":"order %d","ops":[`+
		`{"n":0,"op":"authorize","state":"approved","key":"a%d","amount":1000,"granted":1000,"target":-1,`+
		`"host":"issuer","stan":"%06d","de7":"%010d","rrn":%q,"response_code":"00",`+
		`"auth_code":"A00001","network_id":"N%d","at":"2026-11-16T12:00:00Z"},`+
		`{"n":1,"op":"capture","state":"approved","key":"c%d","amount":400,"granted":400,"target":-1,`+
		`"number":1,"host":"issuer","stan":"%06d","de7":"%010d","rrn":%q,"response_code":"00",`+
		`"business_date":%q,"arn":%q,"at":"2026-11-16T12:00:00Z","clearing":`+
		`{"destination":"visa","merchant_name":"Shop","country":"IRL","mcc":"5999",`+
		`"message_reason":"1403","sequence":1,"count":2}}]}`+"\n",
		n, merchantID, pan.Mask(benchCard(n)), n, n, 2*n%1_000_000, 2*n/1_000_000, benchRRN(n), n,
		n, (2*n+1)%1_000_000, 2*n/1_000_000, benchRRN(n), monday, benchARN(n))
}

func benchHolding(n int) string {
	return fmt.Sprintf(
		`{"kind":"authorization","acquirer":"400001","rrn":%q,"stan":"%06d","de7":"%010d","pan":%q,"merchant":%q,`+
			`"currency":"EUR","response_code":"00","auth_code":"A00001","authorized":1000,"captured":400,"hold":600,`+
			`"postings":[{"number":"1","arn":%q,"amount":400,"business_date":"1116","state":"unsettled"}]}`+"\n",
		benchRRN(n), 2*n%1_000_000, 2*n/1_000_000, pan.Mask(benchCard(n)), merchantID, benchARN(n))
}
