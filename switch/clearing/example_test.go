package clearing_test

import (
	"bytes"
	"fmt"
	"time"

	"switchyard/switch/clearing"
)

// Example writes a file with one purchase and checks it, as whoever takes it would.
func Example() {
	day := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	arn, err := clearing.ARN("234567", day, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer
	w, err := clearing.NewWriter(&file, clearing.Header{
		FileID: clearing.FileID{Date: day, ProcessorID: "12345", Sequence: 1}, Blocked: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = w.Write(&clearing.Presentment{
		PAN: "4111111111111111", AmountMinor: 1234, Currency: "EUR", LocalTime: day.Add(14 * time.Hour),
		POSDataCode: "1000S0S00000", FunctionCode: "200", MCC: "5411", ARN: arn, ForwarderID: "00000012345",
		Acceptor: clearing.Acceptor{Name: "Corner Shop", CountryAlpha3: "IRL"},
	})
	if err != nil {
		fmt.Println(err) // names the element that cannot be written
		return
	}
	if _, err := w.Close(); err != nil {
		fmt.Println(err)
		return
	}
	report, err := clearing.Verify(&file, clearing.VerifyOptions{Strict: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.FileID, report.OK, report.Totals.Presentments, report.Totals.SumMinor)
	// Output: 0022611210000001234500001 true 1 1234
}
