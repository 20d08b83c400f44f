SELECT sku, amount FROM prices ORDER BY changed_at DESC
