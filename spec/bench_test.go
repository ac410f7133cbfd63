package spec_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/moov-io/iso8583"

	"switchyard/spec"
)

// sample is an 0100 of 18 data elements, as a card-present authorization has them. The tags are the library's.
type sample struct {
	MTI          string `iso8583:"0"`
	PAN          string `iso8583:"2"`
	Processing   string `iso8583:"3"`
	Amount       string `iso8583:"4"`
	Transmission string `iso8583:"7"`
	STAN         string `iso8583:"11"`
	LocalTime    string `iso8583:"12"`
	LocalDate    string `iso8583:"13"`
	Expiration   string `iso8583:"14"`
	MerchantType string `iso8583:"18"`
	EntryMode    string `iso8583:"22"`
	Condition    string `iso8583:"25"`
	Acquirer     string `iso8583:"32"`
	RRN          string `iso8583:"37"`
	Terminal     string `iso8583:"41"`
	Merchant     string `iso8583:"42"`
	NameLocation string `iso8583:"43"`
	Private      string `iso8583:"48"`
	Currency     string `iso8583:"49"`
}

var sampleData = sample{
	MTI: "0100", PAN: "4111111111111111", Processing: "000000", Amount: "000000012345", Transmission: "1121202501",
	STAN: "000123", LocalTime: "202501", LocalDate: "1121", Expiration: "3012", MerchantType: "5411", EntryMode: "810",
	Condition: "59", Acquirer: "400001", RRN: "632510000001", Terminal: "TERM0001", Merchant: "MERCHANT-000001",
	NameLocation: "CORNER SHOP             BERLIN        DE", Private: "0102050201C03150123456789ABCDE", Currency: "978",
}

// each calls f with the DEs of a sample.
func (s *sample) each(f func(de int, value string)) {
	f(2, s.PAN)
	f(3, s.Processing)
	f(4, s.Amount)
	f(7, s.Transmission)
	f(11, s.STAN)
	f(12, s.LocalTime)
	f(13, s.LocalDate)
	f(14, s.Expiration)
	f(18, s.MerchantType)
	f(22, s.EntryMode)
	f(25, s.Condition)
	f(32, s.Acquirer)
	f(37, s.RRN)
	f(41, s.Terminal)
	f(42, s.Merchant)
	f(43, s.NameLocation)
	f(48, s.Private)
	f(49, s.Currency)
}

func (s *sample) fill(m *spec.Message) {
	m.Reset()
	m.SetMTI(s.MTI)
	s.each(m.Set)
}

// fields are what c's edition puts for the sample, an MTI and 18 DEs: 19 fields.
func (s *sample) fields(c *spec.Codec) values {
	v := values{0: s.MTI}
	s.each(func(de int, value string) { v[de] = value })
	if c.Version() == spec.ISO1993 {
		maps.Copy(v, values{0: "1100", 12: "261121202501", 22: "810101654140", 24: "100", 26: s.MerchantType})
		for _, de := range []int{13, 18, 25} {
			delete(v, de)
		}
		v[30] = "000000012345000000000000"
	}
	return v
}

// benchMessage is the sample in c's edition.
func benchMessage(c *spec.Codec) *spec.Message { return sampleData.fields(c).message() }

var libraryDialects = []string{spec.DefaultDialect, spec.BCDDialect}

// BenchmarkPackCodec sets 18 DEs and packs them; BenchmarkPackLibrary does the same by the library.
func BenchmarkPackCodec(b *testing.B) {
	for _, codec := range stockCodecs {
		b.Run(codec.Name(), func(b *testing.B) {
			v := sampleData.fields(codec)
			des := slices.Sorted(maps.Keys(v))[1:]
			set := make([]string, 0, len(des))
			for _, de := range des {
				set = append(set, v[de])
			}
			var m spec.Message
			var frame []byte
			b.ReportAllocs()
			for b.Loop() {
				m.Reset()
				m.SetMTI(v[0])
				for i, de := range des {
					m.Set(de, set[i])
				}
				var err error
				if frame, err = codec.Pack(frame[:0], &m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPackLibrary(b *testing.B) {
	for _, dialect := range libraryDialects {
		b.Run(dialect, func(b *testing.B) {
			s, err := spec.Load(dialect)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				m := iso8583.NewMessage(s)
				if err := m.Marshal(&sampleData); err != nil {
					b.Fatal(err)
				}
				if _, err := m.Pack(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkUnpackCodec unpacks a message of 18 DEs and looks at each; BenchmarkUnpackLibrary unpacks and unmarshals it.
func BenchmarkUnpackCodec(b *testing.B) {
	for _, codec := range stockCodecs {
		b.Run(codec.Name(), func(b *testing.B) {
			var m spec.Message
			frame, err := codec.Pack(nil, benchMessage(codec))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := codec.Unpack(frame, &m); err != nil {
					b.Fatal(err)
				}
				n := 0
				for _, value := range m.Fields {
					n += len(value)
				}
				if n == 0 {
					b.Fatal("nothing unpacked")
				}
			}
		})
	}
}

// BenchmarkMeasure tells where a message of 18 DEs ends.
func BenchmarkMeasure(b *testing.B) {
	for _, codec := range stockCodecs {
		b.Run(codec.Name(), func(b *testing.B) {
			frame, err := codec.Pack(nil, benchMessage(codec))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if n, err := codec.Measure(frame); err != nil || n != len(frame) {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// Where a message ends is told without an allocation.
func TestMeasureAllocatesNothing(t *testing.T) {
	for _, codec := range stockCodecs {
		frame, err := codec.Pack(nil, benchMessage(codec))
		if err != nil {
			t.Fatal(err)
		}
		n := testing.AllocsPerRun(1000, func() {
			if n, err := codec.Measure(frame); err != nil || n != len(frame) {
				t.Fatal(n, err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", codec.Name(), n)
		}
	}
}

func BenchmarkUnpackLibrary(b *testing.B) {
	for _, dialect := range libraryDialects {
		b.Run(dialect, func(b *testing.B) {
			s, err := spec.Load(dialect)
			if err != nil {
				b.Fatal(err)
			}
			var m spec.Message
			sampleData.fill(&m)
			frame, err := spec.MustCodec(dialect).Pack(nil, &m)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				m := iso8583.NewMessage(s)
				if err := m.Unpack(frame); err != nil {
					b.Fatal(err)
				}
				var got sample
				if err := m.Unmarshal(&got); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
