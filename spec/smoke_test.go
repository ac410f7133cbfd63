package spec

import "testing"

func TestSmoke(t *testing.T) {
	for _, n := range []string{"iso87ascii", "iso87bcd"} {
		c := MustCodec(n)
		var m, o Message
		m.SetMTI("0100")
		m.Set(2, "4111111111111111")
		m.SetUint(4, 12345, 12)
		m.SetUint(11, 7, 6)
		m.Set(41, "TERM1")
		m.Set(55, "9F0206000000012345")
		m.Set(90, "010000000711201234560000000000100000000000")
		m.Set(52, "0123456789ABCDEF")
		m.Set(97, "C0000000000000001")
		m.Set(48, "01020503003abc")
		f, err := c.Pack(nil, &m)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%q", f)
		if err := c.Unpack(f, &o); err != nil {
			t.Fatal(err)
		}
		o.Fields(func(de int, v []byte) bool {
			t.Log(de, string(v))
			if m.String(de) != string(v) {
				t.Error(de)
			}
			return true
		})
	}
}
