"""Case management for reports of child abuse under Decree 56/2017/NĐ-CP."""
