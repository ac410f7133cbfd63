package matching_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"switchyard/internal/workday"
	"switchyard/switch/clearing"
	"switchyard/switch/matching"
)

// BenchmarkPairs matches presentments with their records, all of which agree: what a date is mostly made of.
func BenchmarkPairs(b *testing.B) {
	const pairs = 20_000
	at := thursday.Time().Add(12 * time.Hour)
	booked := make([]matching.Booked, pairs)
	var data bytes.Buffer
	out, err := clearing.NewWriter(&data, clearing.Header{FileID: fileID("", thursday, 1), Blocked: true})
	if err != nil {
		b.Fatal(err)
	}
	for n := range booked {
		arn, err := clearing.ARN("234567", at, uint64(n+1))
		if err != nil {
			b.Fatal(err)
		}
		rrn := fmt.Sprintf("R%011d", n)
		booked[n] = matching.Booked{
			Payment: fmt.Sprintf("P1%010d", n), Operation: 1, ARN: arn, Debits: true, AmountMinor: 1234, Currency: "EUR",
			Card: masked, RRN: rrn, AuthCode: "A1",
		}
		if err := out.Write(&clearing.Presentment{
			PAN: card, AmountMinor: 1234, Currency: "EUR", LocalTime: at, POSDataCode: "1009S0S00000",
			FunctionCode: "200", MCC: "5411", ARN: arn, ForwarderID: "123456", RRN: rrn, AuthCode: "A1",
			Acceptor: clearing.Acceptor{Name: "Shop", CountryAlpha3: "IRL"},
		}); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := out.Close(); err != nil {
		b.Fatal(err)
	}
	sources := matching.Sources{
		Journal: func(_ context.Context, d workday.Date, take func(*matching.Booked) error) error {
			if d != thursday {
				return nil
			}
			for n := range booked {
				if err := take(&booked[n]); err != nil {
					return err
				}
			}
			return nil
		},
		Out: func(d workday.Date) ([]matching.File, error) {
			if d != thursday {
				return nil, nil
			}
			return []matching.File{file("out.ipm", data.Bytes())}, nil
		},
	}
	b.ReportAllocs()
	for b.Loop() {
		report, err := matching.Run(b.Context(), sources, matching.Options{Date: thursday, AsOf: thursday, Limit: 10})
		if err != nil {
			b.Fatal(err)
		}
		for _, line := range report.Lines {
			if line.Relation == matching.Presented && (line.Class != matching.Matched || line.Ours.Count != pairs) {
				b.Fatalf("%+v", line)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/pairs, "ns/pair")
}
