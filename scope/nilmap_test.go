package scope_test

import "testing"

// A panic inside a write would keep the transaction's connection for ever.
func TestRowsThatAreNilMapsAreRefusedWithoutAPanic(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			e := w.env(t, settings[0])
			var none map[string]any
			for what, rows := range map[string]any{
				"a nil map":             none,
				"a pointer to one":      &none,
				"no maps":               []map[string]any{},
				"a nil map among maps":  []map[string]any{{"slug": "x"}, nil},
				"a pointer to nil maps": &[]map[string]any{nil},
			} {
				if err := e.q().Model(&Note{}).Create(rows).Error; err == nil {
					t.Errorf("%s was stored", what)
				}
			}
			pool, err := w.root.DB()
			if err != nil || pool.Stats().InUse != 0 {
				t.Errorf("%d connections are still in use, %v", pool.Stats().InUse, err)
			}
		})
	}
}
