package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"

	"switchyard/internal/pan"
	"switchyard/switch/audit"
	"switchyard/switch/clearing"
)

// BenchmarkRun audits payments of one authorization and one capture each, every one with a card and keys of its own. It
// reports the time and the memory that a payment takes; -benchtime=1000000x is an audit of a million.
func BenchmarkRun(b *testing.B) {
	var file bytes.Buffer
	out, err := clearing.NewWriter(&file, clearing.Header{FileID: fileID(monday)})
	if err != nil {
		b.Fatal(err)
	}
	for n := range b.N {
		err := out.Write(&clearing.Presentment{
			PAN: benchCard(n), AmountMinor: 400, Currency: "EUR", LocalTime: day(monday), POSDataCode: "000050S00000", FunctionCode: "200",
			MCC: "5999", ARN: benchARN(n), ForwarderID: "00000012345", RRN: benchRRN(n), AuthCode: "A00001", Merchant: merchantID,
			Acceptor: clearing.Acceptor{Name: "Shop", CountryAlpha3: "IRL"},
		})
		if err != nil {
			b.Fatal(err)
		}
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
		Authorizations: func(context.Context) (io.ReadCloser, error) {
			return &generator{left: b.N, line: benchHolding, atEnd: func() {}}, nil
		},
		Files: func(context.Context) ([]audit.File, error) {
			return []audit.File{{Name: "1.ipm", Open: func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(bytes.NewReader(file.Bytes())), nil
			}}}, nil
		},
	}
	b.ResetTimer()
	report, err := audit.Run(b.Context(), src, audit.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if !report.Clean() || report.Payments != b.N || report.Presentments != b.N {
		b.Fatalf("%d payments, %d presentments, differences %v", report.Payments, report.Presentments, report.ByKind)
	}
	b.ReportMetric(float64(peak-min(peak, before))/float64(b.N), "heap-B/op")
	runtime.KeepAlive(file)
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
	return fmt.Sprintf(`{"payment":"P1%010d","version":3,"merchant":%q,"currency":"EUR","pan":%q,"ops":[`+
		`{"n":0,"op":"authorize","state":"approved","key":"a%d","amount":1000,"granted":1000,"target":-1,"host":"issuer","stan":"%06d","de7":"%010d","rrn":%q,"response_code":"00","auth_code":"A00001","at":"2026-11-16T12:00:00Z"},`+
		`{"n":1,"op":"capture","state":"approved","key":"c%d","amount":400,"granted":400,"target":-1,"number":1,"host":"issuer","stan":"%06d","de7":"%010d","rrn":%q,"response_code":"00","business_date":%q,"arn":%q,"at":"2026-11-16T12:00:00Z"}]}`+"\n",
		n, merchantID, pan.Mask(benchCard(n)), n, 2*n%1_000_000, 2*n/1_000_000, benchRRN(n),
		n, (2*n+1)%1_000_000, 2*n/1_000_000, benchRRN(n), monday, benchARN(n))
}

func benchHolding(n int) string {
	return fmt.Sprintf(`{"kind":"authorization","acquirer":"400001","rrn":%q,"stan":"%06d","de7":"%010d","pan":%q,"merchant":%q,"currency":"EUR","response_code":"00","auth_code":"A00001","authorized":1000,"captured":400,"hold":600,`+
		`"postings":[{"number":"1","arn":%q,"amount":400,"business_date":"1116","state":"unsettled"}]}`+"\n",
		benchRRN(n), 2*n%1_000_000, 2*n/1_000_000, pan.Mask(benchCard(n)), merchantID, benchARN(n))
}
