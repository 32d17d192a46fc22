# Sharing a video
share = 分享
share-link = 链接
share-copy = 复制
share-start = 从当前时间开始
share-at = 从 { $time } 开始
share-code = 嵌入代码
beside = 更多视频
person-feed = RSS 订阅

# The player in other sites' pages
embed-title = 无法播放
embed-missing = 这个视频不能在其他网站播放：可能是私密视频、已删除或尚未就绪。
