package wire_test

import (
	"strings"
	"testing"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

// When an authorization is to be captured, as gateways may write it; "" stands for one that is refused.
func TestCaptureOfAnAuthorization(t *testing.T) {
	const day = 24 * time.Hour
	for value, want := range map[string]string{
		`"immediate"`: `"immediate"`, `{"after":"PT48H"}`: `{"after":"PT48H"}`, `{"after":"P2D"}`: `{"after":"PT48H"}`,
		`{"after":"P1DT12H30M5S"}`: `{"after":"PT131405S"}`, `{ "after" : "PT90M" }`: `{"after":"PT90M"}`,
		`{"after":"PT120M"}`: `{"after":"PT2H"}`, `{"after":"P35D"}`: `{"after":"PT840H"}`,
		`{"after":"PT1S"}`: `{"after":"PT1S"}`,
		`null`:             `-`,
		`{"after":"P36D"}`: "", `{"after":"P9999999D"}`: "", `{"after":"PT0S"}`: "", `{"after":""}`: "", `{"after":null}`: "",
		`{"after":48}`: "", `{"after":"48h"}`: "", `{"after":"P"}`: "", `{"after":"PT"}`: "", `{"after":"P1DT"}`: "",
		`{"after":"P1M"}`: "", `{"after":"P1Y"}`: "", `{"after":"PT1H1H"}`: "", `{"after":"PT1S1H"}`: "",
		`{"after":"PT1.5H"}`: "",
		`{"after":"PT-1H"}`:  "", `{"after":"PT1"}`: "", `{"after":"P1H"}`: "", `{"after":"PTT1H"}`: "",
		`{"after":"PT1H","after":"PT2H"}`: "", `{"before":"PT1H"}`: "", `{}`: "", `"later"`: "", `""`: "", `true`: "",
		`["PT1H"]`: "",
	} {
		line := `{"op":"authorize","key":"k","merchant":"M1","terminal":"T1","amount":1,"currency":"EUR",` +
			`"card":{"number":"4111111111111111","expiry":"2912"},"capture":` + value + `}`
		var r api.Request
		fault := wire.DecodeRequest([]byte(line), &r)
		if fault == nil {
			fault = r.Validate()
		}
		if want == "" {
			if fault == nil || !strings.HasPrefix(fault.Field, "capture") {
				t.Errorf("%s: %v, %s", value, fault, r.CaptureAfter)
			}
			continue
		}
		if fault != nil {
			t.Errorf("%s: %v", value, fault)
			continue
		}
		if r.CaptureAfter > 35*day || r.CapturedBySwitch() != (value != "null") {
			t.Errorf("%s: %+v", value, r)
		}
		again := string(wire.AppendRequest(nil, &r))
		if has := strings.Contains(again, `"capture":`+want); has != (want != "-") {
			t.Errorf("%s is written as %s", value, again)
		}
	}
	var r api.Request
	line := `{"op":"void","key":"k","payment":"P10000000001","capture":{"after":"PT1H"}}`
	if fault := wire.DecodeRequest([]byte(line), &r); fault != nil || r.Validate() == nil {
		t.Errorf("a void of a duration: %v, %v", fault, r.Validate())
	}
}
